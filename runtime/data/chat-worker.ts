// The thread in which a chat template runs. In: the template, once; then what to render it with. Out: the text, or why there is none.
// Always: one answer for each question, in order; the thread that asks ends this one where an answer takes too long or too much memory.
import { parentPort, workerData } from "node:worker_threads";
import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import type { Rendered } from "./chat-template.ts";

const { source, longest } = workerData as { readonly source: string; readonly longest: number };

function reasonOf(cause: unknown): string {
  if (cause instanceof RangeError) return "it goes too deep, or makes a text that is too long";
  return cause instanceof Error ? cause.message : String(cause);
}

type Prepared = { readonly program: ReturnType<typeof parse> } | { readonly reason: string };

function prepare(): Prepared {
  try {
    // As Transformers reads them.
    return { program: parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true })) };
  } catch (cause) {
    return { reason: reasonOf(cause) };
  }
}

const template = prepare();

/** The numbers of Python's range. */
function range(first: number, end?: number, step = 1): number[] {
  const [start, stop] = end === undefined ? [0, first] : [first, end];
  const count = Math.ceil((stop - start) / step);
  if (!(Math.abs(count) <= longest)) throw new Error("a range is too long");
  return Array.from({ length: Math.max(0, count) }, (_, at) => start + at * step);
}

/** What a template may name. Today's date is not there: what a text says may not hang on it. */
const globals: Readonly<Record<string, unknown>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  range,
  raise_exception: (message: unknown): never => {
    throw new Error(String(message));
  },
};

function render(variables: Readonly<Record<string, unknown>>): Rendered {
  if ("reason" in template) return { kind: "broken", reason: template.reason };
  try {
    const environment = new Environment();
    for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value);
    const { value } = new Interpreter(environment).run(template.program);
    const text = String(value);
    if (text.length > longest) return { kind: "refused", reason: `it makes more than ${longest} characters` };
    return { kind: "text", text };
  } catch (cause) {
    return { kind: "refused", reason: reasonOf(cause) };
  }
}

parentPort?.on("message", (variables: Readonly<Record<string, unknown>>) => {
  parentPort?.postMessage(render(variables), []);
});
