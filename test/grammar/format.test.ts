// What the formatter makes of untidy files, and how the Prettier plugin behaves.
import { format } from "prettier";
import { describe, expect, test } from "vitest";
import { formatFtl } from "../../grammar/index.ts";
import * as plugin from "../../grammar/prettier.ts";

async function formatted(text: string): Promise<string> {
  const result = await formatFtl({ path: "test.ftl", text });
  expect(result.diagnostics).toEqual([]);
  const again = await formatFtl({ path: "test.ftl", text: result.text ?? "" });
  expect(again.text).toBe(result.text);
  return result.text ?? "";
}

test("an untidy recipe", async () => {
  const text = `import   "a.ftl"
import "b.ftl"
/// What it does.
recipe r{   // first
 model "base"{weights:nf4{block:64,double:true}}


 // The adapter.
 adapter lora as style { rank:1..64,  on: [attention,mlp] } // why
 accumulation auto, batch   32
 training 3 epochs { seed: 7,

   shuffle: false }
 sweep { optimizer.rate: [1e-4,
   2e-4] }
 // last
}
// end
`;
  expect(await formatted(text)).toMatchInlineSnapshot(`
    "import "a.ftl"
    import "b.ftl"

    /// What it does.
    recipe r {
      // first
      model    "base" { weights: nf4 { block: 64, double: true } }

      // The adapter.
      adapter  lora as style { rank: 1..64, on: [attention, mlp] } // why
      accumulation auto
      batch    32
      training 3 epochs {
        seed: 7

        shuffle: false
      }
      sweep { optimizer.rate: [1e-4, 2e-4] }
      // last
    }
    // end
    "
  `);
});

test("an untidy definition", async () => {
  const text = `architecture   llama ( config ) {
  require not(config.tied ?? false),"not supported"
  let (a,b)=f( x )
  table t=rotary(config.hidden_size, config.rope_theta, config.rope_scaling, config.head_dim, config.length, base)
  linear q as attention at "x.{i}" [hidden->heads*width]   { bias:true }
  layer block [ i in 0..<n ] at "layers.{i}" {
    forward(x: [.., d], // the input
      y: number = 1) -> [..,d] { x+y*-z^2 }
  }
  if a { b } else
  if c
  { d } // note
  else { e }
  match config.hidden_act { "silu","swish"=>silu, _=>(a, b)=>a }
  x = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa * bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb + (ccccccccccc - ddddddddddddddddd)
  peft { } // nothing
}
`;
  expect(await formatted(text)).toMatchInlineSnapshot(`
    "architecture llama(config) {
      require not (config.tied ?? false), "not supported"
      let (a, b) = f(x)
      table t = rotary(
        config.hidden_size,
        config.rope_theta,
        config.rope_scaling,
        config.head_dim,
        config.length,
        base,
      )
      linear q [hidden -> heads * width] at "x.{i}" as attention { bias: true }
      layer block[i in 0..<n] at "layers.{i}" {
        forward(
          x: [.., d], // the input
          y: number = 1,
        ) -> [.., d] { x + y * -z ^ 2 }
      }
      if a {
        b
      } else if c {
        d
      } else {
        // note
        e
      }
      match config.hidden_act { "silu", "swish" => silu, _ => (a, b) => a }
      x = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa * bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb +
        (ccccccccccc - ddddddddddddddddd)
      peft {} // nothing
    }
    "
  `);
});

describe("what is kept", () => {
  test.each([
    ["one line where it was one", "function f(x) { let a = 1, a + x }\n"],
    ["several where the first began its own", "function f(x) {\n  x\n}\n"],
    ["parentheses", "function f(x) { (x * 2) + 1 }\n"],
    ["numbers as written", "recipe r {\n  batch 1.50\n}\n"],
    ["one empty line", "recipe r {\n  batch  1\n\n  memory 8GiB\n}\n"],
    ["comments in empty places", "recipe r {\n  // nothing yet\n}\n\nfunction f() {\n  // nor here\n}\n"],
    [
      "documentation of parameters",
      "optimizer o(\n  /// The step's length.\n  rate: number,\n  /// Two decays,\n  /// between 0 and 1.\n  betas: [2] = [0.9, 0.999],\n) {}\n",
    ],
    ["an example", "optimizer o(rate: number) {\n  example { rate: 1e-3 }\n}\n"],
    ["nothing", ""],
    ["a comment alone", "// only this\n"],
  ])("%s", async (_, text) => expect(await formatted(text)).toBe(text));
});

test("a long chain of operators that bind alike is indented as one", async () => {
  const [one, two, three] = ["a", "b", "c"].map((letter) => letter.repeat(50));
  const chain = `function f() {\n  let x = ${one} ??\n    ${two} ??\n    ${three}\n  x\n}\n`;
  expect(await formatted(chain)).toBe(chain);
});

test("windows line ends become plain ones", async () => {
  expect(await formatted("recipe r {\r\n  batch 1\r\n}\r\n")).toBe("recipe r {\n  batch 1\n}\n");
});

test("a file with a mistake is refused with its diagnostics", async () => {
  const result = await formatFtl({ path: "test.ftl", text: "recipe r {\n  batch 1 +\n}\n" });
  expect(result.text).toBeUndefined();
  expect(result.diagnostics.map((each) => each.code)).toEqual(["FTL0106"]);
});

describe("as a Prettier plugin", () => {
  const options = { parser: "ftl", plugins: [plugin] };

  test("it has its own width", async () => {
    const text = `function f() { ${"a + ".repeat(20)}a }\n`;
    expect(await format(text, options)).toBe(text);
    expect(await format(text, { ...options, printWidth: 60 })).not.toBe(text);
  });

  test("it throws for a file with a mistake, and says where", async () => {
    const attempt = format("recipe r {\n  batch 1 +\n}\n", { ...options, filepath: "r.ftl" });
    await expect(attempt).rejects.toMatchObject({
      message: expect.stringContaining("r.ftl:2:12: a value is missing after `+` [FTL0106]") as string,
      loc: { start: { line: 2, column: 12 } },
    });
  });
});
