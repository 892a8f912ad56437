"""What somebody who looks at the dashboard can be: the one list of roles."""

from typing import Final, Literal, get_args

Role = Literal["lead", "authority", "site", "data_manager", "auditor", "public"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
