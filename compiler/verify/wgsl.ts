// Reads from a kernel's WGSL what a plan claims about it: storage bindings and how they are used, the workgroup's size and memory,
// the features it enables. It is no parser of the language: what it cannot read for certain it names as unclear, and a plan with
// an unclear kernel is refused.

export interface TextBinding {
  readonly group: number;
  readonly binding: number;
  readonly name: string;
  readonly access: string;
  /** Bytes that the declared type takes at least: all of a sized array, one element of another. */
  readonly atLeast: number;
  readonly reads: boolean;
  readonly writes: boolean;
}

export interface KernelText {
  readonly bindings: readonly TextBinding[];
  readonly workgroupSize: readonly [number, number, number];
  /** Bytes of all variables in workgroup memory. */
  readonly workgroupMemory: number;
  /** The same as devices count it: each variable rounded up to 16 bytes. */
  readonly workgroupStorage: number;
  /** Names after `enable`. */
  readonly enables: readonly string[];
  readonly unclear: readonly string[];
}

export function readKernelText(wgsl: string): KernelText {
  const unclear: string[] = [];
  const text = withoutComments(wgsl);
  const constants = new Map(
    [...text.matchAll(/\bconst\s+(\w+)\s*(?::\s*\w+\s*)?=\s*(\d+)[ui]?\s*;/g)].map((found) => [
      found[1],
      Number(found[2]),
    ]),
  );
  const whole = (word: string): number => {
    const value = /^\d+[ui]?$/.test(word) ? Number.parseInt(word, 10) : constants.get(word);
    if (value === undefined) unclear.push(`'${word}' is no number that can be read`);
    return value ?? 0;
  };
  const sizeOf = (type: string): number => {
    const layout = layoutOf(type.replaceAll(/\s/g, ""), whole);
    if (layout === undefined) unclear.push(`the size of '${type.trim()}' cannot be read`);
    return layout?.size ?? 0;
  };

  const bindings: TextBinding[] = [];
  for (const found of text.matchAll(
    /@group\(\s*(\d+)\s*\)\s*@binding\(\s*(\d+)\s*\)\s*var\s*<\s*storage\s*(?:,\s*(\w+)\s*)?>\s*(\w+)\s*:([^;]*);/g,
  )) {
    const [, group, binding, access = "read", name = "", type = ""] = found;
    const { reads, writes } = usesOf(text, name);
    bindings.push({
      group: Number(group),
      binding: Number(binding),
      name,
      access,
      atLeast: sizeOf(type),
      reads,
      writes,
    });
  }
  const declared = count(text, /@binding\b/g);
  if (declared !== bindings.length)
    unclear.push(`${declared} bindings are declared and ${bindings.length} can be read`);
  if (/\boverride\b/.test(text)) unclear.push("constants may be overridden");

  const entries = [...text.matchAll(/@workgroup_size\(([^)]*)\)/g)];
  if (entries.length !== 1 || count(text, /@compute\b/g) !== 1) unclear.push("there is not one entry point");
  const [x = 1, y = 1, z = 1] = (entries[0]?.[1] ?? "1")
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "")
    .map(whole);

  const shared = [...text.matchAll(/\bvar\s*<\s*workgroup\s*>\s*\w+\s*:([^;=]*)/g)].map(([, type = ""]) =>
    sizeOf(type),
  );
  if (shared.length !== count(text, /<\s*workgroup\s*>/g)) unclear.push("workgroup variables cannot be read");
  const enables = [...text.matchAll(/\benable\s+([^;]*);/g)].flatMap(([, names = ""]) =>
    names.split(",").map((name) => name.trim()),
  );
  return {
    bindings,
    workgroupSize: [x, y, z],
    workgroupMemory: shared.reduce((sum, size) => sum + size, 0),
    workgroupStorage: shared.reduce((sum, size) => sum + Math.ceil(size / 16) * 16, 0),
    enables: enables.filter((name) => name !== ""),
    unclear,
  };
}

function count(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].length;
}

function withoutComments(text: string): string {
  let plain = text;
  // Block comments nest: innermost first.
  for (let before = ""; before !== plain;) {
    before = plain;
    plain = plain.replaceAll(/\/\*(?:(?!\/\*|\*\/)[\s\S])*\*\//g, " ");
  }
  return plain.replaceAll(/\/\/[^\n]*/g, "");
}

interface TypeLayout {
  readonly size: number;
  readonly align: number;
}

const scalars: Readonly<Record<string, number>> = { f32: 4, i32: 4, u32: 4, f16: 2, f: 4, i: 4, u: 4, h: 2 };

/** Size and alignment of a type of the specification's section 14.4, of those that kernels use. */
function layoutOf(type: string, whole: (word: string) => number): TypeLayout | undefined {
  const scalar = Object.hasOwn(scalars, type) && type.length > 1 ? scalars[type] : undefined;
  if (scalar !== undefined) return { size: scalar, align: scalar };
  const vector = /^vec([234])(?:<(\w+)>|([fiuh]))$/.exec(type);
  const [, sizeWord = "", named, letter] = vector ?? [];
  const element = scalars[named ?? letter ?? ""];
  if (vector !== null && element !== undefined) {
    const lanes = Number(sizeWord);
    return { size: lanes * element, align: (lanes === 3 ? 4 : lanes) * element };
  }
  const atomic = /^atomic<(\w+)>$/.exec(type)?.[1];
  if (atomic !== undefined) return layoutOf(atomic, whole);
  const array = /^array<(.*)>$/.exec(type)?.[1];
  if (array === undefined) return undefined;
  const comma = array.endsWith(">") ? -1 : array.lastIndexOf(",");
  const inner = layoutOf(comma === -1 ? array : array.slice(0, comma), whole);
  if (inner === undefined) return undefined;
  const stride = Math.ceil(inner.size / inner.align) * inner.align;
  return { size: stride * (comma === -1 ? 1 : whole(array.slice(comma + 1))), align: inner.align };
}

/** How a text uses a variable: every place where its name stands is looked at. */
function usesOf(text: string, name: string): { readonly reads: boolean; readonly writes: boolean } {
  let reads = false;
  let writes = false;
  for (const found of text.matchAll(new RegExp(String.raw`(?<![\w.])${name}\b(?!\s*:)`, "g"))) {
    const before = text.slice(0, found.index).trimEnd();
    const after = text.slice(found.index + name.length);
    if (before.endsWith("&") && /[(,=]\s*&$/.test(before)) {
      const call = /(\w+)(?:\s*<[^()]*>)?\s*\(\s*&$/.exec(before)?.[1] ?? "";
      if (call === "arrayLength") continue;
      reads ||= !call.endsWith("Store");
      writes ||= !call.endsWith("Load");
      continue;
    }
    const rest = afterAccess(after);
    const assigns = /^(?:=(?!=)|\+\+|--|(?:<<|>>|[+\-*/%&|^])=)/.exec(rest)?.[0];
    writes ||= assigns !== undefined;
    reads ||= assigns !== "=";
  }
  return { reads, writes };
}

/** What follows indices and members: "[i].x = 1" gives "= 1". */
function afterAccess(text: string): string {
  let rest = text.trimStart();
  for (;;) {
    const member = /^\.\s*\w+\s*/.exec(rest)?.[0];
    if (member !== undefined) {
      rest = rest.slice(member.length);
      continue;
    }
    if (!rest.startsWith("[")) return rest;
    let depth = 0;
    let at = 0;
    do {
      if (rest[at] === "[") depth += 1;
      if (rest[at] === "]") depth -= 1;
      at += 1;
    } while (depth > 0 && at < rest.length);
    rest = rest.slice(at).trimStart();
  }
}
