// A model's config as definitions see it: a record whose missing fields are none.
import type { Config, ConfigValue } from "../language/config.ts";
import { none, type Meaning, type RecordMeaning } from "./meaning.ts";

export function configRecord(config: Config): RecordMeaning {
  const fields = new Map([...config.fields].map(([name, value]) => [name, meaningOf(value)] as const));
  return { kind: "record", label: "config", fields, open: true };
}

function meaningOf(value: ConfigValue): Meaning {
  switch (value.kind) {
    case "number":
      return { kind: "number", value: value.value, said: value.span };
    case "string":
      return { kind: "string", value: value.value, said: value.span };
    case "boolean":
      return { kind: "boolean", value: value.value, said: value.span };
    case "none":
      return none;
    case "list":
      return { kind: "list", elements: value.elements.map(meaningOf) };
    case "object":
      return configRecord(value);
    default:
      return value satisfies never;
  }
}
