"""Contact sheets: many small pictures on one, each with its name."""

import numpy as np

# Capital letters, figures and a few signs on a grid of 5 x 7, one hexadecimal pair a row, the leftmost pixel is 10.
_TABLE = """
A 0E11111F111111
B 1E11111E11111E
C 0E11101010110E
D 1C12111111121C
E 1F10101E10101F
F 1F10101E101010
G 0E11101713110F
H 1111111F111111
I 0E04040404040E
J 0702020202120C
K 11121418141211
L 1010101010101F
M 111B1515111111
N 11191513111111
O 0E11111111110E
P 1E11111E101010
Q 0E11111115120D
R 1E11111E141211
S 0F10100E01011E
T 1F040404040404
U 1111111111110E
V 111111110A0A04
W 11111115151B11
X 11110A040A1111
Y 11110A04040404
Z 1F01020408101F
0 0E11131519110E
1 040C040404040E
2 0E11010204081F
3 1E01010E01011E
4 02060A121F0202
5 1F101E0101110E
6 0E10101E11110E
7 1F010204080808
8 0E11110E11110E
9 0E11110F01010E
- 0000001F000000
_ 0000000000001F
/ 01010204081010
. 0000000000000C
+ 0004041F040400
"""
_GLYPHS = dict(line.split() for line in _TABLE.strip().splitlines())
_HEIGHT, _STEP, _INK = 7, 6, 40


def lettering(text):
    """A line of small capitals.

    Args:
        text: letters of either case, figures and - _ / . +; anything else leaves a space.

    Returns:
        (7, 6 * len(text)) bool, true where there is ink.
    """
    picture = np.zeros((_HEIGHT, _STEP * len(text)), bool)
    for i, sign in enumerate(text.upper()):
        rows = bytes.fromhex(_GLYPHS.get(sign, "00" * _HEIGHT))
        picture[:, i * _STEP:i * _STEP + 5] = [[row >> bit & 1 for bit in (4, 3, 2, 1, 0)] for row in rows]
    return picture


def contact_sheet(pictures, names, *, columns=9):
    """Pictures in rows, each with its name below.

    Args:
        pictures: non-empty list of (h, w, 3) uint8, all of one size.
        names: as many names; what does not fit the width is cut.
        columns: pictures in a row.

    Returns:
        (h', w', 3) uint8 sRGB on white.
    """
    height, width = pictures[0].shape[:2]
    strip = _HEIGHT + 9
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * (height + strip), columns * width, 3), 255, np.uint8)
    for i, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        y, x = i // columns * (height + strip), i % columns * width
        sheet[y:y + height, x:x + width] = picture
        ink = lettering(name)[:, :width - 6]
        place = sheet[y + height + 4:y + height + 4 + _HEIGHT, x + 4:x + 4 + ink.shape[1]]
        place[ink] = _INK
    return sheet
