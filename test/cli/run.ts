// What the tests of the command line share: running ftlc from source as its own process, and folders that go away.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export const root = join(import.meta.dirname, "../..");
export const fixtures = join(root, "test/fixtures");
const main = join(root, "runtime/cli/main.ts");

/** Node warns where both are set. */
const { FORCE_COLOR: _color, ...inherited } = process.env;

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  /** Paths in messages are as given, so goldens run in the folder of the fixtures. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input; at its end from the start where there is none. */
  readonly input?: string;
  /** Called with all of standard error so far whenever there is more. */
  readonly onError?: (text: string, child: ChildProcess) => void;
  /** The same for standard output. */
  readonly onOutput?: (text: string, child: ChildProcess) => void;
}

export function ftlc(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { cwd = join(fixtures, "cli"), env = {}, input = "", onError, onOutput } = options;
  const child = spawn(process.execPath, [main, ...args], {
    cwd,
    env: { ...inherited, NO_COLOR: "1", FTL_DEBUG: "", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => undefined).end(input);
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
    onOutput?.(out, child);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
    onError?.(err, child);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, out, err }));
  });
}

/** An empty folder that is removed after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "ftlc-cli-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
