// Texts of the contracts whose characters have two and three bytes in UTF-8.

/** Russian: "let us all go to sleep, good night". */
export const goodNight =
  "\u043f\u043e\u0439\u0434\u0443 \u0441\u043f\u0430\u0442\u044c " +
  "\u0432\u0441\u0435\u043c \u0441\u043f\u043e\u043a\u043e\u0439\u043d\u043e\u0439 \u043d\u043e\u0447\u0438";

/** Japanese, Russian, German, and one text twice. */
export const fiveTexts = [
  "\u3066\u3059\u3068",
  "\u042f \u0411 \u0413 \u0414 \u0416 \u0419",
  "\u00c4 \u00e4 \u00dc \u00fc \u00df",
  "utf8 \u2014 string",
  "utf8 \u2014 string",
];
