// Comparisons known at compile time; arithmetic on numbers and host scalars is in `plan/scalars.ts`.

/** Comparisons at compile time. */
export const comparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  less: (a, b) => a < b,
  less_equal: (a, b) => a <= b,
  equal: (a, b) => a === b,
};
