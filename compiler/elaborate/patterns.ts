// Patterns of names, as recipes select parameters and modules with them: `*` stands for any characters, and a pattern matches where
// it covers whole parts of a dotted name: "norm" and "model.*.bias" do, "nor" does not match "model.norm.weight".

/** Whether a name matches any of the patterns. */
export function matcher(patterns: readonly string[]): (name: string) => boolean {
  const expressions = patterns.map((pattern) => {
    const escaped = pattern.split("*").map((text) => text.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
    return new RegExp(`(^|\\.)${escaped.join(".*")}($|\\.)`);
  });
  return (name) => expressions.some((expression) => expression.test(name));
}
