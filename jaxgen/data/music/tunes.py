"""38 melodies that are in the public domain, most of them children's and folk songs, written down for this file.

A paragraph each: title | meter | unit | key | notes in ABC notation. Some are a part of what is sung.
"""

import re

from jaxgen.data.music import abc

MELODIES = """
Ah vous dirai-je, maman | 4/4 | 1/4 | C | CCGG|AAG2|FFEE|DDC2|GGFF|EED2|GGFF|EED2|CCGG|AAG2|FFEE|DDC2|
Frère Jacques | 4/4 | 1/4 | C | CDEC|CDEC|EFG2|EFG2|G/A/G/F/EC|G/A/G/F/EC|CG,C2|CG,C2|
Ode to Joy | 4/4 | 1/4 | C | EEFG|GFED|CCDE|E>DD2|EEFG|GFED|CCDE|D>CC2|DDEC|DE/F/EC|DE/F/ED|CDG,2|EEFG|GFED|CCDE|
    D>CC2|
Mary had a little lamb | 4/4 | 1/4 | C | EDCD|EEE2|DDD2|EGG2|EDCD|EEEE|DDED|C4|
London Bridge | 4/4 | 1/4 | C | G>AGF|EFG2|DEF2|EFG2|G>AGF|EFG2|D2G2|EC3|
Row, row, row your boat | 6/8 | 1/8 | C | C3C3|C2DE3|E2DE2F|G6|cccGGG|EEECCC|G2FE2D|C6|
Jingle Bells | 4/4 | 1/4 | C | EEE2|EEE2|EGC>D|E4|FFF>F|FEEE/E/|EDDE|D2G2|EEE2|EEE2|EGC>D|E4|FFF>F|FEEE/E/|GGFD|C4|
Yankee Doodle | 4/4 | 1/4 | C | ccde|cedG|ccde|c2B2|ccde|fedc|BGAB|c2c2|A>BAG|ABc2|G>AGF|E2G2|A>BAG|ABcA|GcBd|c2c2|
Amazing Grace | 3/4 | 1/4 | G | D|G2B/G/|B2A|G2E|D2D|G2B/G/|B2A|d3|d2B|d2B/G/|B2A|G2E|D2D|G2B/G/|B2A|G3|
Auld Lang Syne | 4/4 | 1/4 | F | C|F>FFA|G>FGA|F>FAc|d3d|c>AAF|G>FGA|F>DDC|F3d|c>AAF|G>FGd|c>AAc|d3f|c>AAF|G>FGA|
    F>DDC|F3|
Silent Night | 6/8 | 1/8 | C | G>AGE3|G>AGE3|d2dB3|c2cG3|A2Ac>BA|G>AGE3|A2Ac>BA|G>AGE3|d2df>dB|c3e3|c>GEG>FD|C6|
Greensleeves | 6/8 | 1/8 | Am | A|c2de>fe|d2BG>AB|c2AA>^GA|B2^GE2A|c2de>fe|d2BG>AB|c>BA^G>^F^G|A3A3|g3g>fe|
    d2BG>AB|c2AA>^GA|B2^GE3|g3g>fe|d2BG>AB|c>BA^G>^F^G|A3A3|
Oh! Susanna | 4/4 | 1/8 | C | CD|E2G2G2A2|G2E2C2D2|E2E2D2C2|D6CD|E2G2G2A2|G2E2C2D2|E2E2D2D2|C8|F4F4|A2A4A2|
    G2G2E2C2|D6CD|E2G2G2A2|G2E2C2D2|E2E2D2D2|C6|
When the saints go marching in | 4/4 | 1/4 | C | zCEF|G4|zCEF|G4|zCEF|G2E2|C2E2|D4|zEED|C3C|E2GG|GF3|zzEF|G2E2|
    C2D2|C4|
Wiegenlied | 3/4 | 1/8 | C | EE|G4EE|G4EG|c2B2A2|A2G2DE|F2D2DE|F4DF|BAG2B2|c4CC|c4AF|G4EC|F2G2A2|G4CC|c4AF|G4EC|
    F2E2D2|C4|
The swallowtail jig | 6/8 | 1/8 | Edor | GEEBEE|GEGBAG|FDDADD|dcdAGF|GEEBEE|GEGB2c|dcdAGF|GEEE3|
The Irish washerwoman | 6/8 | 1/8 | G | d/c/|BGGDGG|BGBdcB|cAAEAA|cAcedc|BGGDGG|BGBdcB|cBcAdc|BGGG2|
What shall we do with a drunken sailor | 4/4 | 1/8 | Ddor | A2AAA2AA|A2D2F2A2|G2GGG2GG|G2C2E2G2|A2AAA2AA|A2B2c2d2|
    c2A2G2E2|D4D4|A4A3A|A2D2F2A2|G4G3G|G2C2E2G2|A4A3A|A2B2c2d2|c2A2G2E2|D4D4|
Good King Wenceslas | 4/4 | 1/4 | G | GGGA|GGD2|EDEF|G2G2|GGGA|GGD2|EDEF|G2G2|dcBA|BAG2|EDEF|G2G2|DDEF|GGA2|dcBA|
    G2c2|G4|
Deck the halls | 4/4 | 1/4 | C | G>FED|CDEC|D/E/F/D/E>D|CB,C2|G>FED|CDEC|D/E/F/D/E>D|CB,C2|D>EFD|E>FGD|
    E/^F/GA/B/c|BAG2|G>FED|CDEC|A/A/A/A/G>F|EDC2|
Clementine | 3/4 | 1/8 | C | CC|C2G,2EE|E2C2CE|G3GFE|D4DE|F2F2ED|E2C2CE|D2G,2B,D|C4|
Skip to my Lou | 4/4 | 1/4 | C | EECC|EEG2|DDB,B,|DDF2|EECC|EEG2|DE/F/ED|C2C2|
Hot cross buns | 4/4 | 1/4 | C | EDC2|EDC2|C/C/C/C/D/D/D/D/|EDC2|
Old MacDonald | 4/4 | 1/4 | G | GGGD|EED2|BBAA|G3D|GGGD|EED2|BBAA|G4|
Pop goes the weasel | 6/8 | 1/8 | C | C2CD2D|EGEC2G,|C2CD2D|E3C3|C2CD2D|EGEC3|A3D2F|E3C3|
Sur le pont d'Avignon | 2/4 | 1/8 | G | G2GG|A2AA|BcdG|FGAD|G2GG|A2AA|BcdG|AFG2|
Au clair de la lune | 4/4 | 1/4 | C | CCCD|E2D2|CEDD|C4|CCCD|E2D2|CEDD|C4|DDDD|A,2A,2|DCB,A,|G,4|CCCD|E2D2|CEDD|C4|
Alouette | 4/4 | 1/8 | C | C3DE2E2|DCDEC2G,2|C3DE2E2|DCDEC4|
Hänschen klein | 4/4 | 1/4 | C | GEE2|FDD2|CDEF|GGG2|GEE2|FDD2|CEGG|C4|DDDD|DEF2|EEEE|EFG2|GEE2|FDD2|CEGG|C4|
Alle meine Entchen | 4/4 | 1/4 | C | CDEF|G2G2|AAAA|G4|AAAA|G4|FFFF|E2E2|DDDD|C4|
Kuckuck | 3/4 | 1/4 | C | G2E|G2E|DCD|C3|DDE|F2D|EEF|G2E|G2E|G2E|FED|C3|
Minuet in G, Petzold | 3/4 | 1/8 | G | d2GABc|d2G2G2|e2cdef|g2G2G2|c2dcBA|B2cBAG|F2GABG|A6|d2GABc|d2G2G2|e2cdef|
    g2G2G2|c2dcBA|B2cBAG|A2BAGF|G6|
Largo from the New World Symphony | 4/4 | 1/8 | C | E3GG4|E3DC4|D3EG3E|D8|E3GG4|E3DC4|D2E2D3C|C8|
Andante from the Surprise Symphony | 2/4 | 1/8 | C | CCEE|GGE2|FFDD|B,B,G,2|CCEE|GGE2|cc^F^F|G4|
Three blind mice | 6/8 | 1/8 | C | E3D3|C6|E3D3|C6|G3F2F|E6|G3F2F|E5G|c2cBAB|cGGG2G|c2cBAB|cGGG2G|c2cBAB|cGGG2F|
    E3D3|C6|
Sakura | 4/4 | 1/4 | Am | AAB2|AAB2|ABcB|AB/A/F2|ECEF|EE/C/B,2|ABcB|AB/A/F2|ECEF|EE/C/B,2|AAB2|AAB2|EFB/A/F|E4|
Korobeiniki | 4/4 | 1/8 | Am | e2Bcd2cB|A2Ace2dc|B3cd2e2|c2A2A4|zd2fa2gf|e3ce2dc|B2Bcd2e2|c2A2A4|
The Skye boat song | 6/8 | 1/8 | G | D>EDG2G|A>BAd3|B>ABE3|D6|D>EDG2G|A>BAd3|B>ABE3|D6|
"""


def notation(line: str) -> str:
    """A line of MELODIES as a tune in ABC notation."""
    title, meter, unit, key, music = re.split(r" \| ", line, maxsplit=4)
    return f"X:1\nT:{title}\nM:{meter}\nL:{unit}\nK:{key}\n{music}\n"


def melodies() -> list[abc.Tune]:
    """All of them."""
    return abc.tunes("".join(map(notation, MELODIES.strip().replace("\n    ", "").splitlines())))
