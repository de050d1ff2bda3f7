// Functions that return types, one row each.

import { fn } from '../function.ts'
import { kindOf, typeName, type Value } from '../values.ts'

export const reflectionFunctions = {
  typeOf: fn(['any'], typeName),
  typeIs: fn(['string', 'any'], (name, value) => typeName(value) === name),
  typeIsLike: fn(['string', 'any'], (name, value) => {
    const type = typeName(value)
    return type === name || type === `*${name}`
  }),
  kindOf: fn(['any'], kindName),
  kindIs: fn(['string', 'any'], (name, value) => kindName(value) === name),
}

function kindName(value: Value): string {
  return value === null ? 'invalid' : kindOf(value)
}
