// Explanations of the codes FTL02xx: files, imports and the names inside definitions.

/** The long explanation of each code: what it means, why it is so, what to do. */
export const names: Readonly<Record<string, string>> = {
  FTL0201: `A name means nothing here. Inside a definition a name is a parameter, a \`let\`, a part or weight declared above, a method, a
size bound by a shape such as \`[rows, tokens, d]\`, a function (of the same file, of an imported file, or the library's), or one
of the language's own functions such as \`reshape\` and \`sum\`. Where a name is close to one of these, the message says which.`,
  FTL0202: `The same name is declared twice in one place, two definitions of one kind share a name, an argument is given twice, or two
imported files define the same name. Rename one. The two branches of one \`if\` may declare the same names: only one of them
is taken. A definition of the file itself goes before an imported one, and that before the library's.`,
  FTL0203: `An imported file cannot be read. Paths are relative to the file that imports. A user's file needs no import for what
the library has; to name a library file all the same, write its path from "stdlib/": \`import "stdlib/functions/rotary.ftl"\`.`,
  FTL0204: `A file imports itself, directly or through others. Move what both files need into a third, and import that.`,
  FTL0205: `A library file uses a function of another library file without importing it. The library says what hangs on what, so that a
file can be read and copied with all it needs. Add the import at the top; files of your own need none for the library's
functions and modules.`,
  FTL0206: `A call or a part gives an argument or an option that the function or module does not have. The message points at its
definition, where the parameters are.`,
  FTL0207: `A call gives more arguments than the function takes.`,
  FTL0208: `A call or a part leaves out an argument that has no value of its own.`,
  FTL0209: `A statement stands where it means nothing. \`train\` belongs in an adapter (what the model itself holds is \`weight\`), \`state\` in
an optimizer, an assignment in \`update\` of an optimizer or \`step\` of a method, \`layer\` in an architecture, \`peft\` in an adapter
or a task, \`example\` in what a recipe can name. \`during backward\` is said of an optimizer alone.`,
  FTL0210: `A definition lacks the method that gives it a meaning: \`forward\` of a module, \`forward\` and \`logits\` of an architecture, \`update\`
of an optimizer, \`factor\` of a schedule, \`loss\` of a task, \`step\` of a method.`,
  FTL0211: `A name is used above the statement that declares it. Statements of a definition are read in order; methods see all of them.`,
  FTL0212: `The type of a parameter is a shape such as \`[rows, d]\`, or one of number, boolean, string, steps, ranks and draws.`,
  FTL0213: `Only a state and the weight that \`update\` was given can get a new value. Everything else is named once, by \`let\`.`,
  FTL0214: `A part gives another number of dimensions than its module has, or a weight is declared with sides (\`in -> out\`) where a shape
(\`[out, in]\`) belongs.`,
  FTL0215: `A module has no weight or method of this name. The message lists what it has.`,
  FTL0216: `A file that is compiled or trained holds exactly one recipe, \`recipe NAME { … }\`, or the recipe is chosen by its name. A file
of definitions alone can be checked and imported.`,
  FTL0218: `Numbers in definitions have no units: sizes and durations are the recipe's, and reach a definition as plain numbers.`,
  FTL0219: `An expression, or blocks in blocks, lie more than 500 deep; a sum of 500 terms is that deep too. Name parts of it with \`let\`.`,
};
