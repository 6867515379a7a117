"""How much a request or a file may bring; each limit has its one home here."""

BODY_B = 64 * 1024  # of a request that is no import
IMPORT_B = 64 * 1024 * 1024  # of a file that another oscope exported
