import dash

# A page registers itself when it is imported, which Dash allows once there is an app.
dash.Dash(__name__, use_pages=True, pages_folder="")
