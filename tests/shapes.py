"""How annotations are checked in tests: by beartype, where an int may stand for a float as it does for mypy."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
