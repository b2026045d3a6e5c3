"""Why something was refused, where a person can have brought it about: stable names, and their words in English.

Whoever shows a refusal in another language words the reason himself (`extensions.reason`), with what is told beside it
(`extensions.given`): so no client repeats a rule of ours. The words here are what everybody else reads.
"""

from collections.abc import Mapping
from enum import StrEnum


class Reason(StrEnum):
    """Stable: a client may have words for it. The names in braces in `WORDS` are given with it."""

    EMPTY = "EMPTY"
    NO_TEXT = "NO_TEXT"
    TOO_LONG = "TOO_LONG"
    CONTROL_CHARACTERS = "CONTROL_CHARACTERS"
    FILE_NAME = "FILE_NAME"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    TOO_MANY = "TOO_MANY"
    END_BEFORE_START = "END_BEFORE_START"
    TIME_PASSED = "TIME_PASSED"
    ADDRESS_UNUSABLE = "ADDRESS_UNUSABLE"
    CODE_UNUSABLE = "CODE_UNUSABLE"
    PASSWORD_LENGTH = "PASSWORD_LENGTH"  # noqa: S105 - a label
    PASSWORD_TOO_LONG = "PASSWORD_TOO_LONG"  # noqa: S105 - a label
    PASSWORD_COMMON = "PASSWORD_COMMON"  # noqa: S105 - a label
    PASSWORD_IS_ADDRESS = "PASSWORD_IS_ADDRESS"  # noqa: S105 - a label
    PASSWORD_WRONG = "PASSWORD_WRONG"  # noqa: S105 - a label
    PASSWORD_EXISTS = "PASSWORD_EXISTS"  # noqa: S105 - a label
    PASSWORD_MISSING = "PASSWORD_MISSING"  # noqa: S105 - a label
    TOO_MANY_TOKENS = "TOO_MANY_TOKENS"
    MEMBER_ALREADY = "MEMBER_ALREADY"
    LAST_OWNER = "LAST_OWNER"
    TOO_MANY_RULES = "TOO_MANY_RULES"
    BATTERY_OVER_FULL = "BATTERY_OVER_FULL"
    MARGIN_OVER_THRESHOLD = "MARGIN_OVER_THRESHOLD"
    AREA_CORNERS = "AREA_CORNERS"
    AREA_OFF_THE_GLOBE = "AREA_OFF_THE_GLOBE"
    AREA_SAME_PLACE = "AREA_SAME_PLACE"
    AREA_LONG_SIDE = "AREA_LONG_SIDE"
    AREA_AROUND_POLE = "AREA_AROUND_POLE"
    AREA_TANGLED = "AREA_TANGLED"
    CONTROLLER_REFUSED = "CONTROLLER_REFUSED"
    OTHER_ORIGIN = "OTHER_ORIGIN"


WORDS: Mapping[Reason, str] = {
    Reason.EMPTY: "This cannot be empty.",
    Reason.NO_TEXT: "This is no valid text: it has a lone surrogate or the character U+0000.",
    Reason.TOO_LONG: "This may have at most {most} bytes.",
    Reason.CONTROL_CHARACTERS: "This must not contain control characters.",
    Reason.FILE_NAME: "A file's name has no slash or backslash, and is not a dot or two.",
    Reason.OUT_OF_RANGE: "This must be from {least} to {most}.",
    Reason.TOO_MANY: "These may be at most {most} at once.",
    Reason.END_BEFORE_START: "Must not be before 'from'.",
    Reason.TIME_PASSED: "This time has passed.",
    Reason.ADDRESS_UNUSABLE: "This address cannot be used.",
    Reason.CODE_UNUSABLE: "This code does not work, or not any longer.",
    Reason.PASSWORD_LENGTH: "A password has {least} to {most} bytes as UTF-8.",
    Reason.PASSWORD_TOO_LONG: "A password has at most {most} bytes as UTF-8.",
    Reason.PASSWORD_COMMON: "This password is among the most common ones. Choose another.",
    Reason.PASSWORD_IS_ADDRESS: "Your e-mail address cannot be your password.",
    Reason.PASSWORD_WRONG: "This is not your password.",
    Reason.PASSWORD_EXISTS: "There is a password already. Change it instead.",
    Reason.PASSWORD_MISSING: "There is no password yet. Set a first one instead.",
    Reason.TOO_MANY_TOKENS: "There are {most} tokens already. Revoke some first.",
    Reason.MEMBER_ALREADY: "This person is a member already.",
    Reason.LAST_OWNER: "This is the last owner of the workspace. Make somebody else one first.",
    Reason.TOO_MANY_RULES: "A workspace has at most {most} alert rules. Delete one first.",
    Reason.BATTERY_OVER_FULL: "No battery is ever charged to more than 100 %: threshold and margin together.",
    Reason.MARGIN_OVER_THRESHOLD: "The margin must not be greater than the threshold.",
    Reason.AREA_CORNERS: "An area has {least} to {most} corners.",
    Reason.AREA_OFF_THE_GLOBE: "Longitudes must be from -180 to 180 degrees, latitudes from -90 to 90, with the "
    "longitude first.",
    Reason.AREA_SAME_PLACE: "Two corners in a row are at the same place.",
    Reason.AREA_LONG_SIDE: "A side must span less than 180 degrees of longitude.",
    Reason.AREA_AROUND_POLE: "An area must not go round a pole or round the globe.",
    Reason.AREA_TANGLED: "The sides of an area must not touch or cross each other.",
    Reason.CONTROLLER_REFUSED: "The controller refuses (DJI's code {code}).",
    Reason.OTHER_ORIGIN: "The hub does not answer pages of this address. Open it under the one that is set as "
    "OFH_PUBLIC_URL, or name this one there or in OFH_ALLOWED_ORIGINS.",
}
