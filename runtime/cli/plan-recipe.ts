// A recipe's way to its plan, as all commands share it: read, compile, say what is wrong. Comes in: a path and changes.
// Goes out: what the compiler made, with a verified plan; or the code to end with. Holds: every problem is reported, all at once,
// before a device is looked for; what is not built yet is an error here; with `json` mistakes are data on standard output too.
import { createHash } from "node:crypto";
import { distinct } from "../../compiler/diagnostics/distinct.ts";
import { planStages, type Compilation } from "../../compiler/compile.ts";
import { readRecipe } from "../../compiler/front.ts";
import type { Purpose, Tuned } from "../../compiler/language/purposes.ts";
import type { Settings } from "../../compiler/language/settings.ts";
import type { DeviceProfile } from "../../compiler/plan/plan.ts";
import { hasErrors, sayDiagnostics, writeJson } from "./diagnostics.ts";
import type { Digest } from "../../compiler/verify/verify.ts";
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import { exitCodes, type ExitCode } from "./exit.ts";
import { readOptional, readSource } from "./files.ts";
import type { Terminal } from "./terminal.ts";

export interface Changes {
  /** The profile to plan for, whatever the recipe says. */
  readonly profile?: DeviceProfile | undefined;
  /** The profile where neither `profile` nor the recipe names one. */
  readonly otherwise?: () => Promise<DeviceProfile>;
  readonly set?: readonly string[] | undefined;
  /** Bytes. */
  readonly memory?: number | undefined;
  /** What the plan is for; training and evaluating where absent. */
  readonly purposes?: readonly Purpose[];
  /** Called with what the recipe says, before it is planned. */
  readonly onRead?: (settings: Settings) => void;
  /** What is run instead of what training begins with, for the settings of the recipe. */
  readonly tuned?: (settings: Settings) => Tuned;
}

type Whole = "plan" | "verification" | "settings" | "whole" | "facts";

/** A compilation that went well: of a recipe, or of one of its stages. */
export type Planned = Compilation & { readonly [K in Whole]: NonNullable<Compilation[K]> };

export async function planRecipe(
  path: string,
  changes: Changes,
  json: boolean,
  terminal: Terminal,
): Promise<readonly Planned[] | ExitCode> {
  const failed = (diagnostics: readonly Diagnostic[]): ExitCode => {
    sayDiagnostics(diagnostics, terminal);
    if (json) writeJson(diagnostics, terminal);
    const errors = diagnostics.filter(({ severity }) => severity === "error");
    return errors.every(({ code }) => isAboutDevice(code)) ? exitCodes.refused : exitCodes.failed;
  };
  const source = readSource(path);
  const front = readRecipe(source, readOptional, changes.set);
  if (hasErrors(front.diagnostics) || front.settings === undefined) return failed(front.diagnostics);

  changes.onRead?.(front.settings);
  const tuned = changes.tuned?.(front.settings);
  // What training left may bring a config of its own.
  const run = tuned === undefined ? front : readRecipe(source, readOptional, changes.set, tuned);
  const { profile } = changes;
  const isOpen = profile === undefined && run.runs.some((each) => each.profile === undefined);
  const otherwise = isOpen ? await changes.otherwise?.() : undefined;
  const compiled = planStages(run, {
    ...(profile === undefined ? {} : { profile }),
    ...(otherwise === undefined ? {} : { otherwise }),
    ...(changes.memory === undefined ? {} : { memory: changes.memory }),
    ...(changes.purposes === undefined ? {} : { purposes: changes.purposes }),
    digest,
  });
  const diagnostics = distinct(compiled.flatMap((each) => each.diagnostics));
  if (hasErrors(diagnostics)) return failed(diagnostics);
  sayDiagnostics(diagnostics, terminal);
  const planned = compiled.flatMap(wholeOf);
  if (planned.length === compiled.length) return planned;
  const refusals = compiled.flatMap(({ verification }) => verification?.refusals ?? []);
  for (const { rule, message } of refusals)
    terminal.err(`the verifier refuses the plan: ${rule}: ${message}`);
  terminal.err("there is no plan to run: this is a bug of ftlc, please report it with the recipe");
  if (json) terminal.out(JSON.stringify({ verified: false, refusals }, undefined, 2));
  return exitCodes.refused;
}

/** The platform's own SHA-256: a plan of 80 layers has some seven million characters. */
const digest: Digest = (texts) => {
  const made = createHash("sha256");
  for (const text of texts) made.update(text);
  return made.digest("hex");
};

function wholeOf(compiled: Compilation): readonly Planned[] {
  const { plan, verification, settings, whole, facts } = compiled;
  const good =
    plan !== undefined &&
    verification !== undefined &&
    settings !== undefined &&
    whole !== undefined &&
    facts !== undefined;
  return good ? [{ ...compiled, plan, verification, settings, whole, facts }] : [];
}

/** Codes of a right recipe that cannot be planned for a device. */
function isAboutDevice(code: string): boolean {
  return code.startsWith("FTL05");
}
