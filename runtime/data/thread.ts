// Work on what strangers wrote, in a thread that can be ended. In: the thread's file, what it begins with, its limits. Out: a way to ask it
// questions, one at a time. Always: an answer that takes too long or too much memory ends the thread, and every question then or
// later rejects with the reason; between questions the thread does not keep the process alive.
import { Worker } from "node:worker_threads";

export interface ThreadLimits {
  /** Milliseconds for one answer. */
  readonly time: number;
  /** MiB of JavaScript's heap. */
  readonly memory: number;
}

export interface Thread<Question, Answer> {
  /** Rejects with a `ThreadError`. */
  readonly ask: (question: Question) => Promise<Answer>;
  readonly close: () => Promise<void>;
}

/** What the thread was ended for, as the end of a sentence about the work: "takes more than 20 s". */
export class ThreadError extends Error {
  override readonly name = "ThreadError";
}

/** `name` is that of a module beside this one, without its ending. */
export function startThread<Question, Answer>(
  name: string,
  workerData: unknown,
  { time, memory }: ThreadLimits,
): Thread<Question, Answer> {
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const worker = new Worker(new URL(`${name}.${ending}`, import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: memory, maxYoungGenerationSizeMb: 32, stackSizeMb: 2 },
    env: {},
    stdout: true,
    stderr: true,
  });
  worker.unref();
  let ended: ThreadError | undefined;
  let waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;
  const end = (reason: string): void => {
    ended ??= new ThreadError(reason);
    waiting?.reject(ended);
    waiting = undefined;
    void worker.terminate();
  };
  worker.on("message", (answer: Answer) => {
    waiting?.resolve(answer);
    waiting = undefined;
  });
  worker.on("error", (cause: Error) => {
    const isMemory = "code" in cause && cause.code === "ERR_WORKER_OUT_OF_MEMORY";
    end(isMemory ? `needs more than ${memory} MiB` : `fails: ${cause.message}`);
  });
  worker.on("exit", () => end("has ended"));
  return {
    ask: async (question) => {
      if (ended !== undefined) throw ended;
      if (waiting !== undefined) throw new RangeError("a thread answers one question at a time");
      const answer = new Promise<Answer>((resolve, reject) => (waiting = { resolve, reject }));
      const timer = setTimeout(() => end(`takes more than ${time / 1000} s`), time);
      worker.ref();
      worker.postMessage(question, []);
      try {
        return await answer;
      } finally {
        clearTimeout(timer);
        worker.unref();
      }
    },
    close: async () => {
      ended ??= new ThreadError("is closed");
      await worker.terminate();
    },
  };
}
