// What a task learns, told from its definition alone: the parameters of its loss are named for what they take of a micro-batch. Rows
// that do not bring what the head learns are a mistake of the recipe.
import { problem, type Diagnostic } from "../../grammar/diagnostic.ts";
import type { Definition, Name } from "../../grammar/syntax.ts";
import type { Scope } from "./resolve.ts";
import type { DataFormat, Settings } from "./settings.ts";

/** What may be learned, as the loss of a task names it: the word after a position, the word at a position, the class of a row. */
export const learned = ["targets", "labels", "classes"] as const;
export type Learned = (typeof learned)[number];

export function isLearned(name: string): name is Learned {
  return learned.some((each) => each === name);
}

/** The parameters of a definition's method; none where it has no such method. */
export function parametersOf({ body }: Definition, method: string): readonly Name[] {
  const found = body.statements.find((each) => each.kind === "method" && each.name.text === method);
  return found?.kind === "method" ? found.parameters.map(({ name }) => name) : [];
}

/** Which of the three the loss asks for. A loss that asks for none, or for two, has no count to be divided by. */
export function learnedBy(task: Definition): Learned | undefined {
  const [only, ...more] = parametersOf(task, "loss").flatMap(({ text }) => (isLearned(text) ? [text] : []));
  return more.length === 0 ? only : undefined;
}

const formats: Readonly<Record<Learned, readonly DataFormat[]>> = {
  targets: ["text", "prompt", "chat", "tokens"],
  labels: ["text", "tokens"],
  classes: ["label"],
};

/** The clauses whose rows do not bring what the head learns. */
export function misfits({ data, evaluation, head }: Settings, task: Definition, scope: Scope): Diagnostic[] {
  const learns = learnedBy(task);
  if (learns === undefined) return [];
  const wrong = (evaluation === undefined ? [data] : [data, evaluation]).filter(
    ({ format }) => !formats[learns].includes(format),
  );
  return wrong.map(({ format, path }) => {
    const message = `rows of format ${format} do not bring what head ${head.name.value} learns`;
    const others = scope.names("task", head.span.source.path).filter((name) => {
      const other = scope.lookup("task", name, head.span.source.path);
      const kind = other === undefined ? undefined : learnedBy(other);
      return kind !== undefined && formats[kind].includes(format);
    });
    const label = `write format: ${formats[learns].join(" or ")}, or a head such as ${others.join(", ")}`;
    return problem("FTL0316", path.span, message, label, {
      related: [{ span: head.name.span, label: "the head" }],
    });
  });
}
