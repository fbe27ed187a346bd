// Explanations of the codes FTL09xx: what the language can say and the compiler cannot do yet.

const later = `\nThe recipe is right and checks; it cannot be compiled or trained by this version. Nothing of it is ignored in silence.`;

/** The long explanation of each code: what it will do, and what to write meanwhile. */
export const planned: Readonly<Record<string, string>> = {
  FTL0900: `The name belongs to an adapter, an optimizer, a schedule or an architecture that the library will have.${later}`,
  FTL0910: `Running a recipe for each of several values. Run it several times with \`--set\`.${later}`,
  FTL0912: `Training on several devices.${later}`,
};
