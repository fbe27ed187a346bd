// The programs that write a text word by word, each word computed once: modules keep what later words need of earlier ones (attention its
// keys and values), in states with a place for every position of a row. There is one row.
//   begin     the first words of the text, behind the rows that adapters put in front of the model; where there are none, not there
//   prefill   words of the text that go on, as many at a time
//   decode    one word; leaves the scores of the word after it in "next"
// The host gives "piece" and "word", words of the row, and "begun", how many places have been filled. Places behind the last word of a
// piece that is not full are filled with what no later word sees, and filled again.
import { learnedBy } from "../language/learning.ts";
import { hostVariable, stateVariable } from "./io.ts";
import type { Job } from "./job.ts";
import { number, type Declared, type Meaning, type NumberMeaning, type VariableMeaning } from "./meaning.ts";
import { traceProgram, type Traced, type Write } from "./programs.ts";
import { callTask, type Task } from "./task.ts";
import { anonymous, asTensor, casted, elementwise, tensor } from "./tensors.ts";
import { after, emit, fail, read, type Workspace } from "./workspace.ts";

/** Words of a piece, at most. */
const pieceWords = 128;

export interface Generating {
  readonly programs: readonly Traced[];
  /** Words of a piece. */
  readonly piece: number;
  /** Places that "begin" fills before the first word. */
  readonly inFront: number;
}

/** `inFront`: the positions, of those that adapters put in front, that the model itself sees as rows. */
export function generatePrograms(ws: Workspace, task: Task, job: Job, inFront: number): Generating {
  if (learnedBy(task.definition) !== "targets") {
    const { name } = task.definition;
    fail("FTL0746", job.span, `head '${name.text}' does not say which word comes next`, "generates no text", {
      related: [{ span: name.span, label: "defined here" }],
    });
  }
  const { span } = job;
  const piece = Math.min(job.tokens, pieceWords);
  const begun: VariableMeaning = {
    kind: "variable",
    variable: hostVariable("begun", [], "i32", span),
    dimensions: [],
  };
  const words = (name: string, count: number): Declared => hostVariable(name, [1, count], "i32", span);
  const scores = (declared: Declared, past: NumberMeaning | VariableMeaning): Meaning =>
    after(ws, past, () => scoresOf(ws, task, job, declared, past, inFront));
  const keeping = (name: string, past: NumberMeaning | VariableMeaning): Traced =>
    traceProgram(ws, name, () => {
      scores(words("piece", piece), past);
      return [];
    });
  const decode = traceProgram(ws, "decode", () => {
    const { value } = asTensor(ws, scores(words("word", 1), begun), span);
    const left: Write = {
      declared: { ...stateVariable("next", "io", span), shape: value.shape },
      value: casted(ws, value, "f32", span),
    };
    return [left];
  });
  const begin = inFront > 0 ? [keeping("begin", number(0))] : [];
  return { programs: [...begin, keeping("prefill", begun), decode], piece, inFront };
}

function scoresOf(
  ws: Workspace,
  task: Task,
  job: Job,
  declared: Declared,
  past: NumberMeaning | VariableMeaning,
  inFront: number,
): Meaning {
  const { span } = job;
  const dimensions = declared.shape.map((size) => anonymous(size, span));
  const [, count = 1] = declared.shape;
  const whole = (value: number, shape: readonly number[]): Meaning =>
    tensor(emit(ws, span, "constant", [], { value, type: "i32", shape }), dimensions.slice(0, shape.length));
  // Positions count from behind all that stands in front; places from behind what the model sees of it.
  const first = past.kind === "number" ? job.front : job.front - inFront;
  const counted = tensor(
    emit(ws, span, "iota", [], { shape: declared.shape, axis: 1, type: "i32" }),
    dimensions,
  );
  const places = past.kind === "number" ? counted : elementwise(ws, "add", [counted, past], span);
  return callTask(ws, task, "scores", job, (name) => {
    switch (name) {
      case "ids":
        return tensor(read(ws, declared), dimensions);
      case "positions": {
        const positions = first === 0 ? places : elementwise(ws, "add", [places, number(first)], span);
        // Those behind the last word of a row that ends within a piece exist no more.
        const last = number(ws.length.value - 1);
        return count === 1 ? positions : elementwise(ws, "minimum", [positions, last], span);
      }
      case "segments":
        return whole(1, [1, count]);
      default:
        return undefined;
    }
  });
}
