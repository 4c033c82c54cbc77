"""Read the text in pictures with rapidocr and the models that it ships; writes lines, scores and boxes."""

import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rapidocr import RapidOCR

PAGES = [
    ["Ortolan reads pictures", "Invoice No. 20481", "Total: 1,234.56 EUR"],
    ["one line"],
    ["Some are long, as this one is here", "and some", "short", "A-7", "the quick brown fox", "0123456789"],
]


def picture(lines, width, turned):
    image = Image.new("RGB", (width, 40 + 70 * len(lines)), (250, 248, 240))
    draw = ImageDraw.Draw(image)
    for index, line in enumerate(lines):
        draw.text((30, 25 + 70 * index), line, fill=(20, 20, 60), font=ImageFont.load_default(size=34))
    if turned:
        image = image.rotate(180)
    return np.asarray(image)[:, :, ::-1]


engine = RapidOCR(params={"Global.log_level": "error"})
answers = {}
for index, lines in enumerate(PAGES):
    for turned in (False, True):
        found = engine(picture(lines, 640 - 90 * index, turned))
        answers[f"{index}.{turned}.lines"] = np.array(found.txts or [])
        answers[f"{index}.{turned}.scores"] = np.array(found.scores or [])
        answers[f"{index}.{turned}.boxes"] = np.array(found.boxes if found.boxes is not None else [])
np.savez(sys.argv[1], **answers)
