// The exit codes of the command line, and the one error that a command throws to end with one of them.
// Always: a Failure's message is meant for the user, whole and without a stack; its code is part of the contract with scripts.

export const exitCodes = {
  done: 0,
  /** Diagnostics, or a run that failed. */
  failed: 1,
  /** Wrong usage of the command line. */
  usage: 2,
  /** The plan does not fit or is refused. */
  refused: 3,
  /** No usable device. */
  noDevice: 4,
  /** Interrupted, with a complete checkpoint written. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends the command with a message and a code. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly code: ExitCode;
  /** What to do about it, a line each. */
  readonly advice: readonly string[];

  constructor(message: string, code: ExitCode = exitCodes.failed, advice: readonly string[] = []) {
    super(message);
    this.code = code;
    this.advice = advice;
  }
}

/** What DESIGN.md announces and this version cannot do. */
export function notBuiltYet(what: string, instead?: string): Failure {
  return new Failure(`not built yet: ${what}`, exitCodes.failed, instead === undefined ? [] : [instead]);
}
