// Forms of JSON: what a value must be, asked where it stands. In: a value that anybody may have written, its place, and a list for problems.
// Out: the value as the type it was checked for, or something of that type where it is not; then the list says so.

/** Checks a value found at a place such as "tensors[3].offset"; gives it back as the type it was checked for. */
export type Form<T> = (value: unknown, at: string, problems: string[]) => T;

function expected(what: string, value: unknown, at: string, problems: string[]): void {
  const found =
    value === undefined
      ? "nothing"
      : value === null
        ? "null"
        : Array.isArray(value)
          ? "a list"
          : typeof value;
  const shown =
    typeof value === "string" || typeof value === "number" ? JSON.stringify(value).slice(0, 40) : found;
  problems.push(`${at === "" ? "the plan" : at}: expected ${what}, found ${shown}`);
}

export const string: Form<string> = (value, at, problems) => {
  if (typeof value === "string") return value;
  expected("a text", value, at, problems);
  return "";
};

export const number: Form<number> = (value, at, problems) => {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  expected("a number", value, at, problems);
  return 0;
};

/** A whole number from `least` on. */
export const whole =
  (least = 0): Form<number> =>
  (value, at, problems) => {
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= least) return value;
    expected(`a whole number from ${least}`, value, at, problems);
    return 0;
  };

export const count = whole();

export const boolean: Form<boolean> = (value, at, problems) => {
  if (typeof value === "boolean") return value;
  expected("true or false", value, at, problems);
  return false;
};

export function oneOf<const T extends string | number>(...words: readonly T[]): Form<T> {
  return (value, at, problems) => {
    const found = words.find((word) => word === value);
    if (found === undefined)
      expected(words.map((word) => JSON.stringify(word)).join(" or "), value, at, problems);
    return found ?? (words[0] as T);
  };
}

export function optional<T>(form: Form<T>): Form<T | undefined> {
  return (value, at, problems) => (value === undefined ? undefined : form(value, at, problems));
}

export function listOf<T>(form: Form<T>): Form<readonly T[]> {
  return (value, at, problems) => {
    if (Array.isArray(value)) return value.map((item, index) => form(item, `${at}[${index}]`, problems));
    expected("a list", value, at, problems);
    return [];
  };
}

export function triple<T>(form: Form<T>): Form<readonly [T, T, T]> {
  return (value, at, problems) => {
    if (Array.isArray(value) && value.length !== 3) expected("a list of three", value, at, problems);
    const [a, b, c] = Array.isArray(value) ? value : [value, value, value];
    return [form(a, `${at}[0]`, problems), form(b, `${at}[1]`, problems), form(c, `${at}[2]`, problems)];
  };
}

type Fields<T> = { readonly [K in keyof T]-?: Form<T[K]> };

/** Of a field that it does not know, a problem too. */
export function record<T extends object>(fields: Fields<T>): Form<T> {
  const names = Object.keys(fields);
  return (value, at, problems) => {
    const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
    if (!isRecord) expected("an object", value, at, problems);
    const given = new Map(isRecord ? Object.entries(value) : []);
    const inside = (name: string): string => (at === "" ? name : `${at}.${name}`);
    for (const name of given.keys()) {
      if (!names.includes(name)) problems.push(`${inside(name)}: a plan has no such field`);
    }
    const read = names.map((name) => [
      name,
      fields[name as keyof T](given.get(name), inside(name), isRecord ? problems : []),
    ]);
    return Object.fromEntries(read) as T;
  };
}
