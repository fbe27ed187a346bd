// Questions on the terminal, with an answer to take where the user just presses Enter. Comes in: lines of standard input, typed or
// piped. Goes out: answers that were accepted. Holds: an end of the input is no answer and ends the command with nothing done.
import { createInterface } from "node:readline/promises";
import { exitCodes, Failure } from "./exit.ts";
import type { Terminal } from "./terminal.ts";
import { wrap } from "./wrap.ts";

/** An accepted answer, or why it is none. */
export type Answer<T> = { readonly value: T } | { readonly refused: string };

export interface Asker {
  /** Asks until `read` accepts. */
  ask<T>(question: string, fallback: string, read: (answer: string) => Answer<T>): Promise<T>;
  close(): void;
}

export function askOnTerminal(terminal: Terminal): Asker {
  const lines = createInterface({ input: process.stdin, terminal: false });
  const answers = lines[Symbol.asyncIterator]();
  return {
    ask: async (question, fallback, read) => {
      for (;;) {
        terminal.draw(`${wrap(`${question} [${fallback}]`).join("\n")} `);
        const { value, done } = (await answers.next()) as { value: string | undefined; done?: boolean };
        if (done === true || value === undefined) {
          terminal.draw("\n");
          throw new Failure("nobody answers: nothing was written", exitCodes.usage, [
            "ftlc init --yes asks nothing",
          ]);
        }
        const said = value.trim();
        const answer = read(said === "" ? fallback : said);
        if ("value" in answer) return answer.value;
        terminal.err(`  ${answer.refused}`);
      }
    },
    close: () => lines.close(),
  };
}

/** Takes what it would offer; a fallback that is refused is a failure. */
export const takeFallbacks: Asker = {
  ask: (question, fallback, read) => {
    const answer = read(fallback);
    if ("value" in answer) return Promise.resolve(answer.value);
    return Promise.reject(new Failure(`${question} ${answer.refused}`));
  },
  close: () => undefined,
};
