"""Run inside Zope (Python 2.7): a LIMS with a client and three analysis services."""

import transaction
from AccessControl.SecurityManagement import newSecurityManager
from Products.CMFPlone.factory import addPloneSite
from Testing.makerequest import makerequest
from zope.component.hooks import setSite
from zope.globalrequest import setRequest
from zope.interface import alsoProvides

app = makerequest(app)  # noqa: F821
setRequest(app.REQUEST)
admin = app.acl_users.getUser("admin")
newSecurityManager(None, admin.__of__(app.acl_users))
addPloneSite(
    app,
    "senaite",
    title="SENAITE",
    profile_id="Products.CMFPlone:plone",
    extension_ids=("plonetheme.barceloneta:default", "senaite.lims:default"),
    setup_content=False,
    default_language="en",
)
transaction.commit()
setSite(app.senaite)

from bika.lims import api  # noqa: E402
from senaite.core.interfaces import ISenaiteCore  # noqa: E402

alsoProvides(app.REQUEST, ISenaiteCore)
setup, old = app.senaite.setup, app.senaite.bika_setup
person = api.create(old.bika_labcontacts, "LabContact", Firstname="Lab", Surname="M")
department = api.create(
    setup.departments,
    "Department",
    title="QC",
    department_id="QC",
    manager=api.get_uid(person),
)
category = api.create(
    setup.analysiscategories,
    "AnalysisCategory",
    title="Release QC",
    department=api.get_uid(department),
)
for keyword, unit in (("VIAB", "%"), ("CD3", "%"), ("ENDO", "EU/mL")):
    api.create(
        old.bika_analysisservices,
        "AnalysisService",
        title=keyword,
        Keyword=keyword,
        Unit=unit,
        Category=api.get_uid(category),
    )
client = api.create(app.senaite.clients, "Client", Name="Manufacture", ClientID="MF")
api.create(client, "Contact", Firstname="Made", Surname="Up")
api.create(setup.sampletypes, "SampleType", title="Final product", Prefix="FP")
transaction.commit()
