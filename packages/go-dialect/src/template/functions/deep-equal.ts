// Equality as Go's reflect.DeepEqual has it: types must be the same, lists and maps are compared item
// by item.

import { FunctionError } from '../../errors.ts'
import { templateLimits } from '../limits.ts'
import { GoInt, GoList, GoMap, GoTime, type Value } from '../values.ts'

/** Tells whether two values are equal to the last item. */
export function isDeepEqual(a: Value, b: Value): boolean {
  return new Comparison().isEqual(a, b, 0)
}

// Guards the number of comparisons: a list may hold another many times over.
class Comparison {
  #itemCount = 0

  isEqual(a: Value, b: Value, depth: number): boolean {
    if (a === b || (a ?? null) === (b ?? null)) return true
    this.#itemCount++
    const isTooMuch = this.#itemCount > templateLimits.itemCountMax
    if (isTooMuch || depth > templateLimits.valueDepthMax) {
      throw new FunctionError('values are too large to compare')
    }
    if (a instanceof GoInt && b instanceof GoInt) return a.type === b.type && a.value === b.value
    if (a instanceof GoTime && b instanceof GoTime) {
      return a.timestampNs === b.timestampNs && a.location === b.location
    }
    if (a instanceof GoList && b instanceof GoList) {
      if (a.itemType !== b.itemType || a.items.length !== b.items.length) return false
      return a.items.every((item, index) => this.isEqual(item, b.items[index], depth + 1))
    }
    if (a instanceof GoMap && b instanceof GoMap) {
      if (a.itemType !== b.itemType || a.size !== b.size) return false
      const other = b.all()
      return [...a.all()].every(([key, item]) => {
        return other.has(key) && this.isEqual(item, other.get(key), depth + 1)
      })
    }
    return false
  }
}
