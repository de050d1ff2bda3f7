// The forms of keys that the store's schema is made of. Each is plain JSON Schema with a description and a
// default; `form` names a text such as a duration.

/** A block. Every key is required once the defaults are filled in, and no others are allowed. */
export function block<Properties extends object>(properties: Properties) {
  return {
    type: 'object',
    properties,
    required: Object.keys(properties) as (keyof Properties & string)[],
    additionalProperties: false,
    default: {},
  } as const
}

/** A text. */
export function text(description: string, value: string) {
  return { type: 'string', description, default: value } as const
}

/** A list of texts. */
export function texts(description: string, value: readonly string[]) {
  return { type: 'array', items: { type: 'string' }, description, default: value } as const
}

/** True or false. */
export function flag(description: string, value: boolean) {
  return { type: 'boolean', description, default: value } as const
}

/** One of several texts. The first is the default. */
export function oneOf<const Choice extends string>(
  description: string,
  choices: readonly [Choice, ...Choice[]],
) {
  return { enum: choices, description, default: choices[0] } as const
}

/** A whole number from 0. */
export function count(description: string, value: number) {
  return { type: 'integer', description, default: value, minimum: 0 } as const
}

/** Go or Prometheus duration, kept as written. 0 disables the limit. */
export function duration(description: string, value: string) {
  const anyOf = [{ type: 'string' }, { const: 0 }] as const
  return { anyOf, form: 'duration', description, default: value } as const
}

/** Bytes with a unit based on 1024, or a plain number. */
export function bytes(description: string, value: string) {
  const anyOf = [{ type: 'string' }, { type: 'integer', minimum: 0 }] as const
  return { anyOf, form: 'bytes', description, default: value } as const
}

/** Megabytes, or null if the limit depends on whether there are tenants. */
export function optionalMegabytes(description: string) {
  const anyOf = [{ type: 'number', minimum: 0 }, { type: 'null' }] as const
  return { anyOf, description, default: null } as const
}

/** Bytes with a unit, or null if the limit depends on whether there are tenants. */
export function optionalBytes(description: string) {
  const anyOf = [{ type: 'string' }, { type: 'integer', minimum: 0 }, { type: 'null' }] as const
  return { anyOf, form: 'bytes', description, default: null } as const
}
