// Reads the WGSL that records of views write for coordinates back into indices, so that what a chain of views does to an
// address is seen through. The grammar is that of whole numbers: names, literals such as 12u, + - * / % and parentheses.
import { add, constant, isConstant, quotient, remainder, scale, type Index } from "./index.ts";

/** The index that a text means, given what its names mean; `undefined` where it is not of the grammar. */
export function readIndex(text: string, names: ReadonlyMap<string, Index>): Index | undefined {
  const tokens = text.match(/[A-Za-z_][A-Za-z_0-9]*|[0-9]+u?|[-+*/%()]/g) ?? [];
  if (tokens.join("").length !== text.replaceAll(/\s/g, "").length) return undefined;
  let at = 0;

  const factor = (): Index | undefined => {
    const token = tokens[at++] ?? "";
    if (token === "(") {
      const inner = expression();
      return tokens[at++] === ")" ? inner : undefined;
    }
    if (/^[0-9]/.test(token)) return constant(Number.parseInt(token, 10));
    return names.get(token);
  };
  const term = (): Index | undefined => {
    let left = factor();
    for (let sign = tokens[at]; sign === "*" || sign === "/" || sign === "%"; sign = tokens[at]) {
      at += 1;
      left = multiplied(left, sign, factor());
    }
    return left;
  };
  const expression = (): Index | undefined => {
    let left = term();
    for (let sign = tokens[at]; sign === "+" || sign === "-"; sign = tokens[at]) {
      at += 1;
      const right = term();
      if (left === undefined || right === undefined) return undefined;
      left = add(left, sign === "+" ? right : scale(right, -1));
    }
    return left;
  };

  const found = expression();
  return at === tokens.length ? found : undefined;
}

function multiplied(
  left: Index | undefined,
  sign: "*" | "/" | "%",
  right: Index | undefined,
): Index | undefined {
  if (left === undefined || right === undefined) return undefined;
  if (sign === "*") {
    if (isConstant(right)) return scale(left, right.constant);
    return isConstant(left) ? scale(right, left.constant) : undefined;
  }
  if (!isConstant(right) || right.constant < 1) return undefined;
  return sign === "/" ? quotient(left, right.constant) : remainder(left, right.constant);
}
