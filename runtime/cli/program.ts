// The command line as commander sees it: every command, argument and option of the contract, and which function runs it.
// Comes in: the arguments. Goes out: the command's exit code. Holds: what is announced and not built yet is listed and says so;
// wrong usage never starts a command; commands are imported when they run, so that help and mistakes are quick.
import { Command, InvalidArgumentError, Option } from "commander";
import { exitCodes, Failure, notBuiltYet, type ExitCode } from "./exit.ts";
import { parseCount, parseNumber, parseRanks, parseSize, parseWhole } from "./quantity.ts";
import type { Terminal } from "./terminal.ts";
import { version } from "./version.ts";

/** Options that may stand alone get their value here, so that they never take the next argument for it. */
const alone: ReadonlyMap<string, string> = new Map([
  ["--plan", "--plan=text"],
  ["--resume", "--resume=auto"],
  ["--fix", "--fix=1"],
]);

export function fillAlone(args: readonly string[]): string[] {
  const end = args.indexOf("--");
  return args.map((arg, index) => (end !== -1 && index > end ? arg : (alone.get(arg) ?? arg)));
}

/** Runs the command that the arguments name. Throws CommanderError for wrong usage, help and version. */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let code: ExitCode = exitCodes.done;
  const program = buildProgram(terminal, (result) => {
    code = result;
  });
  await program.parseAsync(fillAlone(args), { from: "user" });
  return code;
}

function buildProgram(terminal: Terminal, finish: (code: ExitCode) => void): Command {
  const program = new Command("ftlc")
    .description("Compiles recipes for fine-tuning language models to WebGPU execution plans, and runs them.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "help for a command")
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err })
    .showHelpAfterError("(ftlc --help lists commands and options)")
    .addHelpText("after", exitCodeHelp);

  program
    .command("init")
    .argument("[dir]", "folder to write recipe.ftl in; with --architecture the file to write")
    .option("--yes", "ask nothing: take what is found there")
    .option("--architecture <name>", "copy an architecture of the library instead, to change it")
    .description("write a first recipe")
    .action(async (target: string | undefined, options: { yes?: true; architecture?: string }) => {
      if (options.architecture === undefined) {
        const { initCommand } = await import("./init.ts");
        finish(await initCommand(target ?? ".", { yes: options.yes === true }, terminal));
      } else {
        const { copyArchitecture } = await import("./init-architecture.ts");
        finish(copyArchitecture(options.architecture, target, terminal));
      }
    });

  program
    .command("check")
    .argument("<files...>", "recipes and definitions")
    .option("--json", "diagnostics as JSON on standard output")
    .description("report all mistakes of recipes and definitions")
    .action(async (files: string[], options: { json?: true }) => {
      const { check } = await import("./check.ts");
      finish(check(files, { json: options.json === true }, terminal));
    });

  program
    .command("fmt")
    .argument("<files...>", "files to format in place")
    .option("--check", "change nothing, fail where something would change")
    .description("format files")
    .action(async (files: string[], options: { check?: true }) => {
      const { format } = await import("./format.ts");
      finish(await format(files, { check: options.check === true }, terminal));
    });

  program
    .command("compile")
    .argument("<file>", "the recipe")
    .argument("[other]", "with --compare, the recipe that it is compared with")
    .option("--compare", "the plans of two recipes side by side, in the form of --plan")
    .addOption(new Option("-o, --output <dir>", "write the plan to this folder"))
    .addOption(new Option("--plan [=text|json|html]", "print the plan's report").argParser(planForm))
    .option("--emit <stage>", "print the graph after this stage, or 'list' for their names")
    .option("--device <profile>", "profile to plan for: a built-in name or a JSON file")
    .addOption(new Option("--memory <size>", "budget, such as 8GiB").argParser(asArgument(parseSize)))
    .addOption(
      new Option(
        "--fix [=n]",
        "where the plan does not fit, write its first or n-th repair into the file",
      ).argParser(asArgument((text: string) => parseCount(text, "repair"))),
    )
    .addOption(setting())
    .description("plan a recipe, without weights and without a GPU")
    .action(async (file: string, other: string | undefined, options: CompileFlags) => {
      if ((options.compare === true) !== (other !== undefined))
        throw new Failure(
          other === undefined
            ? "--compare takes two recipes"
            : `one recipe is compiled at a time, not '${other}' too`,
          exitCodes.usage,
          ["ftlc compile --plan --compare A.ftl B.ftl"],
        );
      if (other !== undefined) {
        const { compareCommand } = await import("./compare.ts");
        finish(await compareCommand(file, other, options, terminal));
        return;
      }
      const { compileCommand } = await import("./compile.ts");
      finish(await compileCommand(file, options, terminal));
    });

  program
    .command("train")
    .argument("<file>", "the recipe")
    .addOption(
      new Option("--steps <n>", "train so many steps, whatever the recipe says").argParser(
        asArgument(parseCount),
      ),
    )
    .option("--device <profile>", "plan for this profile and hold the device to its limits")
    .addOption(setting())
    .option("--resume [=auto|path]", "go on from a checkpoint (not built yet)")
    .option("--json", "the log as JSON lines on standard output")
    .option("--dry-run", "compile for this device and check the files; train nothing")
    .description("compile a recipe for this device and run it")
    .action(async (file: string, options: TrainFlags) => {
      if (options.resume !== undefined) throw notBuiltYet("train --resume");
      const { trainCommand } = await import("./train.ts");
      finish(await trainCommand(file, options, terminal));
    });

  program
    .command("eval")
    .argument("<file>", "the recipe")
    .addOption(adapterOption())
    .addOption(rankOption("evaluate"))
    .addOption(
      new Option("--ranks <list>", "evaluate at each of these ranks, such as 1,2,4")
        .argParser(asArgument(parseRanks))
        .conflicts("rank"),
    )
    .option("--data <file>", "rows to evaluate instead of the recipe's")
    .addOption(setting())
    .option("--json", "the figures as JSON on standard output")
    .description("measure a trained model on held-out rows")
    .action(async (file: string, options: EvalFlags) => {
      const { evalCommand } = await import("./eval.ts");
      finish(await evalCommand(file, options, terminal));
    });

  program
    .command("generate")
    .argument("<file>", "the recipe")
    .addOption(new Option("--prompt <text>", "what the model goes on with").makeOptionMandatory())
    .addOption(adapterOption())
    .addOption(rankOption("generate"))
    .addOption(
      new Option("--tokens <n>", "write so many tokens at most (default: 128)").argParser(
        asArgument((text) => parseCount(text, "number of tokens")),
      ),
    )
    .addOption(
      new Option(
        "--temperature <t>",
        "draw words at this temperature; 0 takes the best (default: 0)",
      ).argParser(asArgument((text) => parseNumber(text, "temperature"))),
    )
    .addOption(
      new Option("--top-k <k>", "draw among so many of the best words").argParser(
        asArgument((text) => parseCount(text, "number of words")),
      ),
    )
    .addOption(
      new Option("--top-p <p>", "draw among the best words that have this share together").argParser(
        asArgument((text) => parseNumber(text, "share", { above: true, most: 1 })),
      ),
    )
    .addOption(
      new Option("--seed <s>", "of the draws (default: the recipe's)").argParser(
        asArgument((text) => parseWhole(text, "seed")),
      ),
    )
    .addOption(new Option("--stop <text>", "stop where this comes, and leave it out").argParser(notEmpty))
    .addOption(setting())
    .option("--json", "tokens and text as JSON on standard output, at the end")
    .description("go on with a text, by a trained model")
    .action(async (file: string, options: GenerateFlags) => {
      const { generateCommand } = await import("./generate.ts");
      finish(await generateCommand(file, options, terminal));
    });

  program
    .command("export")
    .addOption(new Option("--recipe <file>", "the recipe that it was trained with").makeOptionMandatory())
    .addOption(adapterOption(`the adapter's folder ${usually}`))
    .addOption(
      new Option(
        "--rank <list>",
        "the rank to write, of an adapter with a range; several into rank-R",
      ).argParser(asArgument(parseRanks)),
    )
    .addOption(
      new Option("--to <form>", "peft: the adapter; merged: a model with the adapter in its weights")
        .choices(["peft", "merged"])
        .makeOptionMandatory(),
    )
    .addOption(new Option("-o, --output <dir>", "the folder to write").makeOptionMandatory())
    .addOption(setting())
    .option("--json", "what was written, as JSON on standard output")
    .description("write an adapter in PEFT layout, or a model that needs none")
    .action(async (options: ExportFlags) => {
      const { exportCommand } = await import("./export.ts");
      finish(await exportCommand(options, terminal));
    });

  program
    .command("devices")
    .option("--save <file>", "write the profile of the device that would be used")
    .option("--measure", "try on the device how weights of few bits are best decoded, for the profile")
    .option("--json", "as JSON on standard output")
    .description("list the devices that there are, and which one is used")
    .action(async (options: { save?: string; measure?: true; json?: true }) => {
      const { devices } = await import("./devices.ts");
      const { save, measure = false, json = false } = options;
      finish(await devices({ save, measure, json }, terminal));
    });

  program
    .command("docs")
    .argument("[name]", "a name of the library or a group of them, such as optimizers; or a .ftl file")
    .option("--json", "pages as JSON on standard output")
    .description("show what the library has, with parameters and examples")
    .action(async (name: string | undefined, options: { json?: true }) => {
      const { docsCommand } = await import("./docs.ts");
      finish(docsCommand(name, { json: options.json === true }, terminal));
    });

  program
    .command("explain")
    .argument("<code>", "such as FTL0301")
    .description("explain a diagnostic at length")
    .action(async (code: string) => {
      const { explainCommand } = await import("./explain.ts");
      finish(explainCommand(code, terminal));
    });

  program
    .command("lsp")
    .description("language server on standard input and output (not built yet)")
    .action(() => {
      throw notBuiltYet("ftlc lsp");
    });

  return program;
}

export interface CompileFlags {
  readonly output?: string;
  readonly plan?: "text" | "json" | "html";
  readonly compare?: true;
  readonly emit?: string;
  readonly device?: string;
  readonly memory?: number;
  /** Which repair to make, from 1. */
  readonly fix?: number;
  readonly set?: readonly string[];
}

export interface TrainFlags {
  readonly device?: string;
  readonly steps?: number;
  readonly set?: readonly string[];
  readonly resume?: string;
  readonly json?: true;
  readonly dryRun?: true;
}

export interface TunedFlags {
  readonly adapter?: string;
  readonly set?: readonly string[];
  readonly json?: true;
}

export interface EvalFlags extends TunedFlags {
  readonly rank?: number;
  readonly ranks?: readonly number[];
  readonly data?: string;
}

export interface GenerateFlags extends TunedFlags {
  readonly prompt: string;
  readonly rank?: number;
  readonly tokens?: number;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly seed?: number;
  readonly stop?: string;
}

export interface ExportFlags extends TunedFlags {
  readonly recipe: string;
  readonly rank?: readonly number[];
  readonly to: "peft" | "merged";
  readonly output: string;
}

const usually = "(default: what the recipe's output holds)";

function adapterOption(
  what = `the adapter's folder, or a trained model's; 'none' for the base alone ${usually}`,
): Option {
  return new Option("--adapter <dir>", what);
}

function rankOption(what: string): Option {
  const about = `${what} at this rank, of an adapter with a range`;
  return new Option("--rank <r>", about).argParser(asArgument((text) => parseCount(text, "rank")));
}

function notEmpty(value: string): string {
  if (value !== "") return value;
  throw new InvalidArgumentError("It is a text of at least one character.");
}

function setting(): Option {
  return new Option(
    "--set <path=value>",
    "change a setting, such as optimizer.rate=1e-4; may be repeated",
  ).argParser<string[] | undefined>((value, before) => [...(before ?? []), value]);
}

function planForm(value: string): "text" | "json" | "html" {
  if (value === "text" || value === "json" || value === "html") return value;
  throw new InvalidArgumentError("It is text, json or html.");
}

/** A reader of ours as commander wants it. */
function asArgument<T>(read: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return read(text);
    } catch (error) {
      if (error instanceof Failure)
        throw new InvalidArgumentError([error.message, ...error.advice].join("; "));
      throw error;
    }
  };
}

const exitCodeHelp = `
Exit codes:
  0 done   1 diagnostics or a failed run   2 wrong usage
  3 the plan does not fit or is refused   4 no usable device
  130 interrupted, with a complete checkpoint written`;
