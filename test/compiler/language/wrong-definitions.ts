// Wrong definitions by title, with the path of their file and the other files it may read. What is said of them is in
// golden/wrong-definitions.txt.
type WrongDefinition = readonly [
  title: string,
  text: string,
  path?: string,
  files?: Readonly<Record<string, string>>,
];

export const wrongDefinitions: readonly WrongDefinition[] = [
  ["unknown names, all at once", "function f(x: [.., d]) {\n  let y = squrt(x) + widht\n  y * d + bias\n}"],
  ["unknown function with a like in the library", "function f(x: [..]) { sylu(x) }"],
  [
    "a library file that does not import what it uses",
    'import "initial.ftl"\nfunction f(x: [..]) { silu(x) }',
    "stdlib/functions/losses.ftl",
  ],
  [
    "argument names and numbers",
    "function f(x: [..], y: number = 1) { f(x, z: 2) + f(x, 1, 2) + f() + mean(x, ovr: -1) + exp(x, x) }",
  ],
  ["an argument twice", "function f(x: [..], y: number = 1) { f(x, x: 2) }"],
  ["a function during the backward pass", "function f(x: [..]) during backward { x }"],
  [
    "an optimizer at no such time",
    "optimizer o(rate: number) during forward {\n  update(w, g, s) { w = w - rate * g }\n}",
  ],
  ["state outside an optimizer", "adapter a() on linear {\n  state m = 0\n  forward(x, y) { y }\n}"],
  [
    "options of trained tensors",
    "adapter a(k: number) on linear {\n  train A [in] = 0 { rate: k, rates: k }\n  forward(x, y) { y * k }\n}",
  ],
  ["train outside an adapter", "module m[d] {\n  train A [d] = 0\n  forward(x: [.., d]) { x * A }\n}"],
  [
    "assignment outside update",
    "optimizer o(rate: number) {\n  state m = 0\n  update(w, g, s) { w = w - shrink(g) }\n  shrink(g) {\n    m = g\n    m\n  }\n}",
  ],
  [
    "assignment to a let",
    "optimizer o(rate: number) {\n  update(w, g, s) {\n    let step = rate * g\n    step = 2 * step\n    w = w - step\n  }\n}",
  ],
  [
    "assignments in a module to what is no state",
    "module m[width]() {\n  state s [width] = 0\n  forward(x: [.., width]) {\n    s = x\n    x = s\n    x\n  }\n  other(x) {\n    s = x\n    x\n  }\n}",
  ],
  [
    "declared twice",
    "optimizer o(rate: number) {\n  state m = 0\n  state m = 1\n  update(w, g, s) { w = w - rate * m }\n}",
  ],
  [
    "an example with a wrong option, a wrong value and a missing one",
    "adapter a(rank: ranks, alpha: number, dropout: number = 0) on linear {\n  example { rnak: 8, alpha: yes, dta.format: text, data.fromat: text }\n  forward(x, y) { y }\n}",
  ],
  [
    "an example config of what no config holds",
    "architecture a(config) {\n  example { hidden_size: 8, hidden_act: gelu, layers: 1..2, sizes: [1, 2] }\n  forward(ids) { ids }\n  logits(x) { x }\n}",
  ],
  ["an example of a function", "function f(x: [..]) {\n  example { x: 1 }\n  x\n}"],
  ["defined twice", "function f(x: [..]) { x }\nfunction f(y: [..]) { y }"],
  [
    "used before it is declared",
    "module m[d] {\n  let a = b + 1\n  let b = 2\n  forward(x: [.., d]) { x * a }\n}",
  ],
  [
    "unknown module",
    "architecture a(config) {\n  liner head [4 -> 4]\n  forward(ids) { head(ids) }\n  logits(x) { x }\n}",
  ],
  [
    "options and dimensions of a module",
    "architecture a(config) {\n  linear head [4 -> 4] { bais: true }\n  rmsnorm norm [4, 4]\n  forward(ids) { norm(head(ids, ids)) }\n  logits(x) { x }\n}",
  ],
  [
    "unknown member",
    "architecture a(config) {\n  embedding embed [8, 4]\n  forward(ids) { embed(ids) }\n  logits(x) { x @ embed.weight.T }\n}",
  ],
  ["no update", "optimizer o(rate: number) { step(w) { w } }"],
  ["unknown type", "function f(x: nubmer) { x }"],
  ["an unknown module to be on", "adapter a() on linaer {\n  forward(x, y) { y }\n}"],
  [
    "on a module without being an adapter",
    "optimizer o(rate: number) on linear { update(w, g, s) { w = w - rate * g } }",
  ],
  [
    "shape where sides belong",
    "architecture a(config) {\n  linear head [4, 4]\n  forward(ids) { head(ids) }\n  logits(x) { x }\n}",
  ],
  ["unknown size in a result", "function f(x: [n]) -> [m] { x }"],
  ["a layer in a function", "function f(x: [..]) {\n  layer b[i in 0..<2] { forward(x) { x } }\n  x\n}"],
  [
    "two imports with one name",
    'import "a.ftl"\nimport "b.ftl"',
    "r.ftl",
    { "a.ftl": "function f(x: [..]) { x }", "b.ftl": "function f(x: [..]) { -x }" },
  ],
];
