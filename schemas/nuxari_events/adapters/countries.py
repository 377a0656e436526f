"""Country names as Okta writes them: after this, a name is an ISO 3166-1 code, or not known."""

from __future__ import annotations

_NAMES = """
AD Andorra|AE United Arab Emirates|AF Afghanistan|AG Antigua and Barbuda|AI Anguilla|AL Albania|AM Armenia|AO Angola
AQ Antarctica|AR Argentina|AS American Samoa|AT Austria|AU Australia|AW Aruba|AX Aland Islands|AX Åland Islands
AX Åland|AZ Azerbaijan|BA Bosnia and Herzegovina|BB Barbados|BD Bangladesh|BE Belgium|BF Burkina Faso|BG Bulgaria
BH Bahrain|BI Burundi|BJ Benin|BL Saint Barthelemy|BL Saint Barthélemy|BM Bermuda|BN Brunei|BN Brunei Darussalam
BO Bolivia|BQ Bonaire, Saint Eustatius and Saba|BQ Bonaire, Sint Eustatius and Saba|BR Brazil|BS Bahamas
BS The Bahamas|BT Bhutan|BV Bouvet Island|BW Botswana|BY Belarus|BZ Belize|CA Canada|CC Cocos Islands
CC Cocos (Keeling) Islands|CD Democratic Republic of the Congo|CD DR Congo|CD Congo, The Democratic Republic of the
CF Central African Republic|CG Republic of the Congo|CG Congo Republic|CH Switzerland|CI Ivory Coast|CI Côte d'Ivoire
CI Cote D'Ivoire|CK Cook Islands|CL Chile|CM Cameroon|CN China|CO Colombia|CR Costa Rica|CU Cuba|CV Cape Verde
CV Cabo Verde|CW Curacao|CW Curaçao|CX Christmas Island|CY Cyprus|CZ Czech Republic|CZ Czechia|DE Germany|DJ Djibouti
DK Denmark|DM Dominica|DO Dominican Republic|DZ Algeria|EC Ecuador|EE Estonia|EG Egypt|EH Western Sahara|ER Eritrea
ES Spain|ET Ethiopia|FI Finland|FJ Fiji|FK Falkland Islands|FM Micronesia|FM Federated States of Micronesia
FO Faroe Islands|FR France|GA Gabon|GB United Kingdom|GB Great Britain|GD Grenada|GE Georgia|GF French Guiana
GG Guernsey|GH Ghana|GI Gibraltar|GL Greenland|GM Gambia|GM The Gambia|GN Guinea|GP Guadeloupe|GQ Equatorial Guinea
GR Greece|GS South Georgia and the South Sandwich Islands|GT Guatemala|GU Guam|GW Guinea-Bissau|GY Guyana|HK Hong Kong
HM Heard Island and McDonald Islands|HN Honduras|HR Croatia|HT Haiti|HU Hungary|ID Indonesia|IE Ireland|IL Israel
IM Isle of Man|IN India|IO British Indian Ocean Territory|IQ Iraq|IR Iran|IR Iran, Islamic Republic of|IS Iceland
IT Italy|JE Jersey|JM Jamaica|JO Jordan|JP Japan|KE Kenya|KG Kyrgyzstan|KH Cambodia|KI Kiribati|KM Comoros
KN Saint Kitts and Nevis|KN St Kitts and Nevis|KP North Korea|KR South Korea|KR Korea, Republic of|KR Republic of Korea
KW Kuwait|KY Cayman Islands|KZ Kazakhstan|LA Laos|LB Lebanon|LC Saint Lucia|LC St Lucia|LI Liechtenstein|LK Sri Lanka
LR Liberia|LS Lesotho|LT Lithuania|LU Luxembourg|LV Latvia|LY Libya|MA Morocco|MC Monaco|MD Moldova
MD Republic of Moldova|ME Montenegro|MF Saint Martin|MG Madagascar|MH Marshall Islands|MK Macedonia|MK North Macedonia
ML Mali|MM Myanmar|MM Myanmar [Burma]|MN Mongolia|MO Macao|MO Macau|MP Northern Mariana Islands|MQ Martinique
MR Mauritania|MS Montserrat|MT Malta|MU Mauritius|MV Maldives|MW Malawi|MX Mexico|MY Malaysia|MZ Mozambique|NA Namibia
NC New Caledonia|NE Niger|NF Norfolk Island|NG Nigeria|NI Nicaragua|NL Netherlands|NL The Netherlands|NO Norway|NP Nepal
NR Nauru|NU Niue|NZ New Zealand|OM Oman|PA Panama|PE Peru|PF French Polynesia|PG Papua New Guinea|PH Philippines
PK Pakistan|PL Poland|PM Saint Pierre and Miquelon|PN Pitcairn|PN Pitcairn Islands|PR Puerto Rico
PS Palestinian Territory|PS Palestine|PT Portugal|PW Palau|PY Paraguay|QA Qatar|RE Reunion|RE Réunion|RO Romania
RS Serbia|RU Russia|RU Russian Federation|RW Rwanda|SA Saudi Arabia|SB Solomon Islands|SC Seychelles|SD Sudan|SE Sweden
SG Singapore|SH Saint Helena|SI Slovenia|SJ Svalbard and Jan Mayen|SK Slovakia|SL Sierra Leone|SM San Marino
SN Senegal|SO Somalia
SR Suriname|SS South Sudan|ST Sao Tome and Principe|ST São Tomé and Príncipe|SV El Salvador|SX Sint Maarten|SY Syria
SZ Swaziland|SZ Eswatini|TC Turks and Caicos Islands|TD Chad|TF French Southern Territories|TG Togo|TH Thailand
TJ Tajikistan|TK Tokelau|TL East Timor|TL Timor-Leste|TM Turkmenistan|TN Tunisia|TO Tonga|TR Turkey|TR Türkiye
TT Trinidad and Tobago|TV Tuvalu|TW Taiwan|TZ Tanzania|UA Ukraine|UG Uganda|UM United States Minor Outlying Islands
US United States|US United States of America|UY Uruguay|UZ Uzbekistan|VA Vatican|VA Vatican City
VC Saint Vincent and the Grenadines|VC St Vincent and Grenadines|VE Venezuela|VG British Virgin Islands
VI U.S. Virgin Islands|VN Vietnam|VN Viet Nam|VU Vanuatu|WF Wallis and Futuna|WS Samoa|YE Yemen|YT Mayotte
ZA South Africa|ZM Zambia|ZW Zimbabwe
"""
"""The English short names of ISO 3166-1 and those of the usual address databases, where they differ."""

_CODES = {
    entry[3:].casefold(): entry[:2]
    for line in _NAMES.strip().splitlines()
    for entry in line.strip().split("|")
    if entry
}


def code_of(name: str) -> str | None:
    """Return the ISO 3166-1 alpha-2 code of a country; None for a name that is not in the list."""
    return _CODES.get(name.strip().casefold())
