"""The names of the months, whole and short, in the languages of common exports."""

from __future__ import annotations

_NAMES = (
    # English, German, French, Spanish, Italian, Dutch, Portuguese
    "january jan januar jän janvier janv enero ene gennaio gen januari janeiro",
    "february feb februar février fevrier févr fevr fév febrero febbraio februari fevereiro fev",
    "march mar märz maerz mrz mär mars marzo maart mrt março marco",
    "april apr avril avr abril abr aprile",
    "may mai mayo maggio mag mei maio",
    "june jun juni juin junio giugno giu junho",
    "july jul juli juillet juil julio luglio lug julho",
    "august aug août aout agosto ago augustus",
    "september sep sept septembre septiembre settembre set setembro",
    "october oct oktober okt octobre octubre ottobre ott outubro out",
    "november nov novembre noviembre novembro",
    "december dec dezember dez décembre decembre déc diciembre dic dicembre dezembro",
)
MONTHS = {name: number for number, names in enumerate(_NAMES, 1) for name in names.split()}
