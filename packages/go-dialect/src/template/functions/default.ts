// Functions that choose between values: one row each.

import { fn, variadic } from '../function.ts'
import { isEmpty } from './cast.ts'

/** Functions for queries and the agent. */
export const defaultFunctions = {
  default: variadic(['any'], 'any', (fallback, [given = null]) =>
    isEmpty(given) ? fallback : given,
  ),
}

/** Functions only for the agent. */
export const moreDefaultFunctions = {
  empty: fn(['any'], isEmpty),
  coalesce: variadic([], 'any', values => values.find(value => !isEmpty(value)) ?? null),
  all: variadic([], 'any', values => !values.some(isEmpty)),
  any: variadic([], 'any', values => values.some(value => !isEmpty(value))),
  ternary: fn(['any', 'any', 'bool'], (yes, no, isYes) => (isYes ? yes : no)),
}
