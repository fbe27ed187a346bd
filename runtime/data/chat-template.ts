// A model's chat template: a program in Jinja, from a stranger, that writes a conversation as the model was taught to read it. In: the
// model's folder. Out: a way to render conversations. Always: the template runs in a thread of its own that reaches nothing, and is
// ended when it takes too long, too much memory or writes too much; without a template, the error says what to write.
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { CheckpointError } from "../checkpoint/error.ts";
import type { Message } from "./chat-marks.ts";
import { holdsMarks } from "./chat-marks.ts";
import { isObject, readObject, readTextFile, tokenContent, type Json } from "./tokenizer-files.ts";

export type Rendered =
  | { readonly kind: "text"; readonly text: string }
  /** The template cannot write this conversation. */
  | { readonly kind: "refused"; readonly reason: string }
  /** It is no template at all. */
  | { readonly kind: "broken"; readonly reason: string };

export interface ChatTemplate {
  /** The file that it stands in. */
  readonly path: string;
  readonly source: string;
  /** The special tokens that it may name, by what the tokenizer's config calls them. */
  readonly tokens: Readonly<Record<string, string>>;
}

export interface Renderer {
  /** `asking`: with the beginning of a reply at the end. Rejects with a `CheckpointError` where the template is at fault. */
  readonly render: (
    messages: readonly Message[],
    asking: boolean,
  ) => Promise<Exclude<Rendered, { readonly kind: "broken" }>>;
  readonly close: () => Promise<void>;
}

export interface RenderLimits {
  /** Milliseconds for one conversation. */
  readonly time: number;
  /** Characters of one conversation. */
  readonly longest: number;
  /** MiB of the thread's memory. */
  readonly memory: number;
}

const usual: RenderLimits = { time: 20_000, longest: 16 * 1024 * 1024, memory: 256 };
const longestSource = 1024 * 1024;

const example =
  "{% for m in messages %}<|im_start|>{{ m.role }}\\n{{ m.content }}<|im_end|>\\n{% endfor %}, in the model's own tokens";

/** chat_template.jinja, else what tokenizer_config.json says. */
export async function openChatTemplate(folder: string): Promise<ChatTemplate> {
  const configPath = join(folder, "tokenizer_config.json");
  const config = (await readObject(configPath)) ?? {};
  const file = join(folder, "chat_template.jinja");
  const own = await readTextFile(file);
  const source = own ?? templateIn(configPath, config);
  const path = own === undefined ? configPath : file;
  if (source === undefined)
    throw new CheckpointError(
      file,
      `there is no chat template; write one into this file, such as ${example}, or use format: prompt`,
    );
  if (source.length > longestSource)
    throw new CheckpointError(path, `its chat template has more than ${longestSource} characters`);
  if (holdsMarks(source))
    throw new CheckpointError(path, "its chat template holds code points that are no characters");
  const names = ["bos_token", "eos_token", "unk_token", "pad_token"];
  const tokens = names.flatMap((name): [string, string][] => {
    const content = tokenContent(configPath, config, name);
    return content === undefined || content === null ? [] : [[name, content]];
  });
  return { path, source, tokens: Object.fromEntries(tokens) };
}

/** One template, or several by name, of which the default is for plain conversations. */
function templateIn(path: string, config: Json): string | undefined {
  const said = config["chat_template"];
  if (said === undefined || said === null || typeof said === "string") return said ?? undefined;
  const named = Array.isArray(said)
    ? said.find((entry: unknown) => isObject(entry) && entry["name"] === "default")
    : undefined;
  const template: unknown = isObject(named) ? named["template"] : undefined;
  if (typeof template === "string") return template;
  throw new CheckpointError(path, 'field "chat_template" is neither a string nor a list with a default');
}

export function startRenderer(template: ChatTemplate, limits: RenderLimits = usual): Renderer {
  const { path, source, tokens } = template;
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const worker = new Worker(new URL(`chat-worker.${extension}`, import.meta.url), {
    workerData: { source, longest: limits.longest },
    resourceLimits: { maxOldGenerationSizeMb: limits.memory, maxYoungGenerationSizeMb: 32, stackSizeMb: 2 },
    env: {},
    stdout: true,
    stderr: true,
  });
  worker.unref();
  let ended: CheckpointError | undefined;
  let waiting: { resolve: (rendered: Rendered) => void; reject: (error: Error) => void } | undefined;
  const end = (reason: string): void => {
    ended ??= new CheckpointError(path, reason);
    waiting?.reject(ended);
    waiting = undefined;
    void worker.terminate();
  };
  worker.on("message", (rendered: Rendered) => {
    waiting?.resolve(rendered);
    waiting = undefined;
  });
  worker.on("error", (cause: Error) => {
    const isMemory = "code" in cause && cause.code === "ERR_WORKER_OUT_OF_MEMORY";
    end(
      isMemory
        ? `its chat template needs more than ${limits.memory} MiB for one conversation`
        : `its chat template cannot be run: ${cause.message}`,
    );
  });
  worker.on("exit", () => end("the thread of its chat template has ended"));

  async function ask(variables: Readonly<Record<string, unknown>>): Promise<Rendered> {
    if (ended !== undefined) throw ended;
    if (waiting !== undefined) throw new RangeError("a chat template renders one conversation at a time");
    const answer = new Promise<Rendered>((resolve, reject) => (waiting = { resolve, reject }));
    // While it works the process waits for it; between questions it does not keep the process alive.
    worker.ref();
    const timer = setTimeout(
      () => end(`its chat template takes more than ${limits.time / 1000} s for one conversation`),
      limits.time,
    );
    worker.postMessage(variables, []);
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
      worker.unref();
    }
  }

  return {
    render: async (messages, asking) => {
      const rendered = await ask({
        ...tokens,
        messages,
        add_generation_prompt: asking,
        tools: null,
        documents: null,
      });
      if (rendered.kind !== "broken") return rendered;
      throw new CheckpointError(path, `its chat template is no good Jinja: ${rendered.reason}`);
    },
    close: async () => {
      ended ??= new CheckpointError(path, "its chat template is closed");
      await worker.terminate();
    },
  };
}
