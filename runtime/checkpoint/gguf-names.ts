// Names of tensors in GGUF files, as Hugging Face has them, and the rows that GGUF's llama family has in another order. Goes in: the file's
// metadata. Comes out: a function from a name to the other one and, where rows are moved, from a row to its place in the file. Holds: an
// architecture that is not listed is refused, because its files may hold numbers that are changed in ways unknown here.
import { CheckpointError } from "./error.ts";

export interface Renamed {
  readonly name: string;
  /** Heads whose rows stand in pairs for rotation, as llama.cpp has them: (0, half), (1, half + 1), … */
  readonly heads?: number;
}

const architectures: readonly string[] = ["llama", "qwen2"];

const outside: ReadonlyMap<string, string> = new Map([
  ["token_embd", "model.embed_tokens"],
  ["output_norm", "model.norm"],
  ["output", "lm_head"],
]);

const inLayer: ReadonlyMap<string, string> = new Map([
  ["attn_norm", "input_layernorm"],
  ["attn_q", "self_attn.q_proj"],
  ["attn_k", "self_attn.k_proj"],
  ["attn_v", "self_attn.v_proj"],
  ["attn_output", "self_attn.o_proj"],
  ["ffn_norm", "post_attention_layernorm"],
  ["ffn_gate", "mlp.gate_proj"],
  ["ffn_up", "mlp.up_proj"],
  ["ffn_down", "mlp.down_proj"],
]);

/** A name that is not known stays as it is. */
export function renaming(file: string, metadata: ReadonlyMap<string, string>): (name: string) => Renamed {
  const architecture = metadata.get("general.architecture");
  if (architecture === undefined || !architectures.includes(architecture))
    throw new CheckpointError(
      file,
      `its general.architecture is ${JSON.stringify(architecture ?? null)}; read are ${architectures.join(", ")}`,
    );
  const heads = headsOf(file, metadata, "llama.attention.head_count");
  const keyHeads = headsOf(file, metadata, "llama.attention.head_count_kv") ?? heads;
  return (name) => {
    const [, layer, module = "", kind = ""] = /^(?:blk\.(\d+)\.)?(\w+)\.(weight|bias)$/.exec(name) ?? [];
    const known = (layer === undefined ? outside : inLayer).get(module);
    if (known === undefined) return { name };
    const full = layer === undefined ? `${known}.${kind}` : `model.layers.${layer}.${known}.${kind}`;
    if (architecture !== "llama" || (module !== "attn_q" && module !== "attn_k")) return { name: full };
    const own = module === "attn_q" ? heads : keyHeads;
    if (own === undefined) throw new CheckpointError(file, "it has no llama.attention.head_count");
    return { name: full, heads: own };
  };
}

function headsOf(file: string, metadata: ReadonlyMap<string, string>, key: string): number | undefined {
  const text = metadata.get(key);
  if (text === undefined) return undefined;
  const heads = Number(text);
  if (Number.isSafeInteger(heads) && heads >= 1) return heads;
  throw new CheckpointError(file, `its ${key} is ${text}; expected a whole number from 1`);
}

/** The file's row for a row of Hugging Face's order, in which a head's first halves of pairs stand before its second halves. */
export function rowInPairs(row: number, size: number): number {
  const at = row % size;
  const half = size / 2;
  return row - at + (at % half) * 2 + Math.floor(at / half);
}
