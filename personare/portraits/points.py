"""Which of the detector's 478 landmarks stand where. Left and right are the subject's."""

# Round the face, from the top of the forehead over the left temple to the chin and back.
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
        150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)
# Round the opening of each eye, from its outer corner over the upper lid; centre of its iris and four points round it.
EYES = {
    "Left": (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
    "Right": (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
}
IRISES = {"Left": (473, 474, 475, 476, 477), "Right": (468, 469, 470, 471, 472)}
OUTER_CORNERS = (263, 33)
# Round the opening of the mouth and round the lips, from the right corner over the upper lip.
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
OUTER_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
# Upper and lower points of the lips that meet.
LIP_PAIRS = ((191, 95), (80, 88), (81, 178), (82, 87), (13, 14), (312, 317), (311, 402), (310, 318), (415, 324))
