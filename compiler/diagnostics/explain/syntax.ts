// Explanations of the codes FTL01xx: how a file is written, before anything in it means something.

/** The long explanation of each code: what it means, why it is so, what to do. */
export const syntax: Readonly<Record<string, string>> = {
  FTL0101: `A character that the language does not have. Outside strings and comments a file is written with letters a to z, digits, \`_\`,
and the marks of its operators and brackets. Quotation marks that a word processor has curled are the usual cause.

  model “base”      refused
  model "base"`,
  FTL0102: `A string starts and ends on one line. Inside it, \`{…}\` stands for the value of an expression, and its braces close before the
string ends; a brace that is meant as text is written \`\\{\`.

  at "model.layers.{i}"
  "a brace: \\{"`,
  FTL0103: `A backslash in a string is followed by one of \`{ } " \\ n\`. A backslash itself is written twice; paths are written with \`/\` on every
system.

  data "rows\\new.jsonl"      refused
  data "rows/new.jsonl"`,
  FTL0104: `Two things stand side by side with nothing between them. Clauses, options and statements are parted by a new line or a comma, the
elements of a list, of a call and of parameters by a comma.

  optimizer adamw { rate: 2e-4 clip: 1.0 }      refused
  optimizer adamw { rate: 2e-4, clip: 1.0 }
  on: [attention mlp]                           refused
  on: [attention, mlp]

Values of an option may stand side by side where they are one thing: \`every: 100 steps\`.`,
  FTL0105: `Brackets come in pairs. Where one is missing, the place that is proposed follows from the lines and their indentation: the rest of
the file is read as if it stood there, so that one missing bracket is one message.

  recipe r {
    model "base" { train: all
    batch 32
  }

Here the \`{\` of \`train\` is never closed.`,
  FTL0106: `A value has to stand here: after \`=\`, after \`:\`, on both sides of an operator, after \`=>\`. An \`if\` that gives a value says with \`else\` what
it gives otherwise. A line that ends in an operator goes on in the next; one that begins with an operator does not.

  let y = x +
    bias`,
  FTL0107: `A fixed part of a form is missing: a name, \`=\`, \`{\`, a path in quotes. The forms are

  import "PATH"
  recipe NAME { … }
  function NAME(a: [.., d], b: number = 1) -> [.., d] { … }
  adapter NAME(…) on linear { … }
  let NAME = …
  table NAME = …
  KIND NAME [shape] at "path" as role = initial { option: value }
  layer NAME[i in 0..<n] at "path" { … }
  require condition, "message"`,
  FTL0108: `Numbers are written in digits with an optional fraction, exponent and unit: \`32\`, \`0.05\`, \`2e-4\`, \`8GiB\`, \`3%\`, \`1k\`. The unit touches the number.
Digits are not grouped, and no number is larger than 1.8e308.`,
  FTL0109: `Brackets, \`if\` and \`match\` stand at most 64 deep inside one another, and one expression takes at most some hundreds of steps. No file
written by hand comes near; the limit keeps any file, whoever made it, from stopping the compiler. Give parts of the expression
names with \`let\`.`,
  FTL0110: `A file is made of imports, recipes and definitions. A definition begins with its kind: function, module, architecture, adapter,
optimizer, schedule, task or method. Clauses such as \`batch 32\` stand inside a recipe.`,
  FTL0111: `Something stands where nothing of its kind can. Common causes: an operator at the beginning of a line (put it at the end of the line
before), an \`else\` without its \`if\`, a block in braces after something that takes none.`,
  FTL0112: `Only a name can be given a new value, with \`name = value\` in an \`update\` or \`step\`: a state or the weight as a whole. Elements are not
assigned; compute the whole value with \`select\` or \`concat\`. To compare, write \`==\`.`,
  FTL0113: `A comma separates two things; one may follow the last. Two in a row, or one before the first, mean that something was forgotten.`,
  FTL0114: `Other languages write it this way; this one has one spelling for each thing:

  and  or  not        not && || !
  ^                   not **
  == !=               not === !==
  // comment          not # or /* */
  "text"              not 'text'
  a new line          not ;`,
  FTL0115: `A clause is a noun and its arguments, an option is \`name: value\`. Recipes hold clauses; the braces after a clause or a value hold options
(and, in \`stage\` and \`sweep\`, paths as option names).

  recipe r {
    batch 32                        a clause
    optimizer adamw { rate: 2e-4 }  an option in its braces
  }`,
  FTL0116: `The parts of a declaration stand once each: \`KIND NAME [shape] at "path" as role = initial { options }\`. The arrow of \`[in -> out]\` stands
between exactly two sizes.`,
  FTL0117: `\`a < b < c\` would compare the answer of \`a < b\` with \`c\`. Write \`a < b and b < c\`. A range has two ends, \`a..b\`, and cannot go on.`,
  FTL0119: `\`x[..<n]\`, \`x[n..]\` and \`x[..]\` leave out an end that the axis gives. Elsewhere nothing gives it: write both ends, as in \`rank: 1..64\`.`,
};
