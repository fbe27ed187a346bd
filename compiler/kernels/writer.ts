// The body of one WGSL function while it is written. Blocks nest; a value is defined once, in the outermost block where
// everything it is made of is known, so that what does not change in a loop stands before it. Nothing leaves a block that
// runs under a condition. Every definition is counted as often as its block runs.
import { isConstant, type Atom, type Index } from "./index.ts";

interface Block {
  readonly header: string;
  readonly lines: string[];
  /** Names of what is already computed here, by what it is. */
  readonly known: Map<string, string>;
  readonly conditional: boolean;
  /** How often it runs in one call of the function, times calls. */
  readonly times: number;
}

/** What a function costs, summed over all its runs. */
export interface Count {
  flops: number;
  loads: number;
}

export class Writer {
  readonly count: Count = { flops: 0, loads: 0 };
  readonly #blocks: Block[];
  /** The depth of the block in which a name is defined; names from outside the function are not in here. */
  readonly #depths = new Map<string, number>();
  readonly #next = new Map<string, number>();

  constructor(times: number) {
    this.#blocks = [{ header: "", lines: [], known: new Map(), conditional: false, times }];
  }

  /** Opens a block such as `for (…)`. `names` are the variables its header brings. */
  open(header: string, { names = [], conditional = false, times = 1 }: BlockOptions = {}): void {
    const outer = this.#top();
    this.#blocks.push({ header, lines: [], known: new Map(), conditional, times: outer.times * times });
    for (const name of names) this.#depths.set(name, this.#blocks.length - 1);
  }

  close(): void {
    const block = this.#blocks.pop();
    const outer = this.#top();
    if (block === undefined) return;
    outer.lines.push(`${block.header} {`, ...block.lines.map((line) => `  ${line}`), "}");
  }

  line(text: string): void {
    this.#top().lines.push(text);
  }

  /** Says that a name is defined in the block at hand, by a line or outside of the writer. */
  declare(name: string): void {
    this.#depths.set(name, this.#blocks.length - 1);
  }

  fresh(prefix: string): string {
    const next = this.#next.get(prefix) ?? 0;
    this.#next.set(prefix, next + 1);
    return `${prefix}${next}`;
  }

  /** The name under which something was defined where it can be seen from here. */
  known(key: string): string | undefined {
    for (let depth = this.#blocks.length - 1; depth >= 0; depth--) {
      const name = this.#blocks[depth]?.known.get(key);
      if (name !== undefined) return name;
    }
    return undefined;
  }

  remember(key: string, name: string): void {
    this.#blocks[this.#placeFor([name])]?.known.set(key, name);
  }

  /** Defines a value made of `parts` and gives its name; `cost` is counted for each run. */
  define(prefix: string, text: string, parts: readonly string[], cost: Partial<Count> = {}): string {
    const depth = this.#placeFor(parts);
    const block = this.#blocks[depth] ?? this.#top();
    const name = this.fresh(prefix);
    block.lines.push(`let ${name} = ${text};`);
    this.#depths.set(name, depth);
    this.count.flops += (cost.flops ?? 0) * block.times;
    this.count.loads += (cost.loads ?? 0) * block.times;
    return name;
  }

  /** How often something made of these parts is computed. */
  timesOf(parts: readonly string[]): number {
    return this.#blocks[this.#placeFor(parts)]?.times ?? 1;
  }

  /** WGSL for an index. Quotients and remainders are defined once. */
  index(index: Index): string {
    if (isConstant(index)) return `${index.constant >>> 0}u`;
    let text = "";
    for (const { factor, atom } of index.terms) {
      const size = Math.abs(factor);
      const part = size === 1 ? this.#atom(atom) : `${this.#atom(atom)} * ${size}u`;
      // A leading minus has no meaning on u32.
      if (factor < 0) text = text === "" ? `0u - ${part}` : `${text} - ${part}`;
      else text = text === "" ? part : `${text} + ${part}`;
    }
    if (index.constant !== 0) text = `${text} ${index.constant < 0 ? "-" : "+"} ${Math.abs(index.constant)}u`;
    return index.terms.length === 1 && index.constant === 0 && index.terms[0]?.factor === 1
      ? text
      : `(${text})`;
  }

  /** The names that the text of an index is made of. */
  namesOf(index: Index): string[] {
    return index.terms.map(({ atom }) => this.#atom(atom));
  }

  text(): string {
    const [body] = this.#blocks;
    return (body?.lines ?? []).map((line) => `  ${line}`).join("\n");
  }

  #atom(atom: Atom): string {
    if (atom.kind === "variable") return atom.name;
    const key = `index ${atom.key}`;
    const found = this.known(key);
    if (found !== undefined) return found;
    const sign = atom.kind === "quotient" ? "/" : "%";
    const name = this.define("i", `${this.index(atom.of)} ${sign} ${atom.by}u`, this.namesOf(atom.of));
    this.remember(key, name);
    return name;
  }

  /** The depth of the outermost block where all parts are known and nothing leaves a condition. */
  #placeFor(parts: readonly string[]): number {
    let depth = 0;
    this.#blocks.forEach((block, at) => {
      if (block.conditional) depth = at;
    });
    for (const part of parts) depth = Math.max(depth, this.#depths.get(baseName(part)) ?? 0);
    return depth;
  }

  #top(): Block {
    const block = this.#blocks.at(-1);
    if (block === undefined) throw new RangeError("more blocks closed than opened");
    return block;
  }
}

interface BlockOptions {
  readonly names?: readonly string[];
  readonly conditional?: boolean;
  readonly times?: number;
}

/** The variable in an operand such as `w3.x`. */
function baseName(part: string): string {
  const dot = part.indexOf(".");
  return dot > 0 && /^[A-Za-z_]/.test(part) ? part.slice(0, dot) : part;
}
