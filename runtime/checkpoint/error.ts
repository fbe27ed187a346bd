// Goes in: what is wrong with a file of a checkpoint. Comes out: the one error that reading and writing checkpoints throw.
// Always: `file` is the path as the caller can open it, `reason` one calm clause that says what was found there.

export class CheckpointError extends Error {
  readonly file: string;
  readonly reason: string;

  constructor(file: string, reason: string, cause?: unknown) {
    super(`${file}: ${reason}`, cause === undefined ? undefined : { cause });
    this.name = "CheckpointError";
    this.file = file;
    this.reason = reason;
  }
}

/** What the operating system refused, in words a person can act on. */
export function systemReason(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return systemReasons.get(code) ?? (cause instanceof Error ? cause.message : String(cause));
}

const systemReasons: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "there is no such file or folder"],
  ["ENOTDIR", "a part of this path is a file, not a folder"],
  ["EISDIR", "this is a folder, a file was expected"],
  ["EACCES", "reading or writing it is not permitted"],
  ["EPERM", "reading or writing it is not permitted"],
  ["ENOSPC", "the disk is full"],
  ["EDQUOT", "the disk quota is used up"],
  ["EROFS", "the file system is read-only"],
  ["EMFILE", "too many files are open"],
  ["ELOOP", "the symbolic links lead in a circle"],
]);
