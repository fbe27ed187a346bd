// A list of tokens read from the front: what stands next, taken or refused. `Refusal` is thrown by every rule that meets
// something else and is caught at the entry of `text-read.ts`; nesting is limited, so that no text exhausts the stack.
import type { TextProblem, Token } from "./text-scan.ts";

/** How deep regions, lists and expressions may lie in each other. */
const DEEPEST = 200;

export class Refusal extends Error {
  readonly problem: TextProblem;

  constructor(problem: TextProblem) {
    super(`${problem.line}:${problem.column}: ${problem.message}`);
    this.problem = problem;
  }
}

export class Reader {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** The token that stands next; after the last one, `end` for ever. */
  here(): Token {
    return (
      this.#tokens[Math.min(this.#next, this.#tokens.length - 1)] ?? {
        kind: "end",
        text: "",
        line: 1,
        column: 1,
      }
    );
  }

  refuseAt({ line, column }: Token, message: string): never {
    throw new Refusal({ line, column, message });
  }

  refuse(message: string): never {
    return this.refuseAt(this.here(), message);
  }

  /** Refuses the token that was read last. */
  refuseLast(message: string): never {
    return this.refuseAt(this.#tokens[this.#next - 1] ?? this.here(), message);
  }

  #take(): string {
    const { text } = this.here();
    this.#next += 1;
    return text;
  }

  #expect(kind: Token["kind"], what: string): string {
    const token = this.here();
    if (token.kind === kind) return this.#take();
    return this.refuse(
      `expected ${what}, found ${token.kind === "end" ? "the end" : JSON.stringify(token.text)}`,
    );
  }

  atEnd(): boolean {
    return this.here().kind === "end";
  }

  end(): void {
    this.#expect("end", "the end");
  }

  name(): string {
    return this.#expect("name", "a name");
  }

  string(): string {
    return this.#expect("string", "a string");
  }

  nameOrString(): string {
    return this.here().kind === "string" ? this.#take() : this.name();
  }

  atValue(): boolean {
    return this.here().kind === "value";
  }

  valueName(): string {
    return this.#expect("value", "a value such as %1");
  }

  number(): number {
    return this.tryNumber() ?? Number(this.#expect("number", "a number"));
  }

  tryNumber(): number | undefined {
    return this.here().kind === "number" ? Number(this.#take().replace("#", "")) : undefined;
  }

  word(text: string): void {
    if (!this.tryWord(text)) this.refuse(`expected ${text}`);
  }

  tryWord(text: string): boolean {
    return this.#try("name", text);
  }

  sign(text: string): void {
    if (!this.trySign(text)) this.#expect("sign", JSON.stringify(text));
  }

  atSign(text: string): boolean {
    const token = this.here();
    return token.kind === "sign" && token.text === text;
  }

  trySign(text: string): boolean {
    return this.#try("sign", text);
  }

  #try(kind: Token["kind"], text: string): boolean {
    const token = this.here();
    if (token.kind !== kind || token.text !== text) return false;
    this.#next += 1;
    return true;
  }

  /** Items between commas up to the closing sign, which is taken; the opening one was. */
  list<T>(close: string, item: () => T): T[] {
    const items: T[] = [];
    if (this.trySign(close)) return items;
    do items.push(item());
    while (this.trySign(","));
    this.sign(close);
    return items;
  }

  nested<T>(rule: () => T): T {
    this.#depth += 1;
    if (this.#depth > DEEPEST) this.refuse("nested too deeply");
    const value = rule();
    this.#depth -= 1;
    return value;
  }
}
