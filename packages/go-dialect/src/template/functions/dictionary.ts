// Functions of dictionaries: one row each. As in Go, `set`, `unset` and `merge` change the dictionary
// they are given.

import { FunctionError } from '../../errors.ts'
import { fn, variadic } from '../function.ts'
import { templateLimits } from '../limits.ts'
import { checkItemCount, printValue } from '../print.ts'
import { GoList, GoMap, typeName, type Value } from '../values.ts'
import { isEmpty } from './cast.ts'
import { isDeepEqual } from './deep-equal.ts'

const merge = variadic(['map'], 'map', (target, sources) => {
  for (const source of sources) mergeInto(target, source, { overwrites: false, depth: 0 })
  return target
})
const mergeOverwrite = variadic(['map'], 'map', (target, sources) => {
  for (const source of sources) mergeInto(target, source, { overwrites: true, depth: 0 })
  return target
})
const deepCopy = fn(['any'], value => {
  if (value !== null) return new Copier().copy(value, 0)
  throw new FunctionError('reflect: call of reflect.Value.Type on zero Value')
})

export const dictionaryFunctions = {
  dict: variadic([], 'any', createDictionary),
  get: fn(['map', 'string'], (map, key) => map.get(key) ?? (map.has(key) ? null : '')),
  set: fn(['map', 'string', 'any'], (map, key, value) => {
    map.all().set(key, value)
    checkItemCount(map.size)
    return map
  }),
  unset: fn(['map', 'string'], (map, key) => {
    map.all().delete(key)
    return map
  }),
  hasKey: fn(['map', 'string'], (map, key) => map.has(key)),
  pluck: variadic(['string'], 'map', (key, maps) => {
    return new GoList(maps.filter(map => map.has(key)).map(map => map.get(key)))
  }),
  // Go gives keys and values in no certain order; here it is that of the keys.
  keys: variadic([], 'map', maps => {
    const keys = maps.flatMap(map => map.sorted().map(([key]) => key))
    checkItemCount(keys.length)
    return new GoList(keys, 'string')
  }),
  values: fn(['map'], map => new GoList(map.sorted().map(([, value]) => value))),
  pick: variadic(['map'], 'string', (map, keys) => {
    const picked = keys.filter(key => map.has(key))
    return new GoMap(new Map(picked.map(key => [key, map.get(key)])))
  }),
  omit: variadic(['map'], 'string', (map, keys) => {
    return new GoMap(new Map([...map.all()].filter(([key]) => !keys.includes(key))))
  }),
  merge,
  mustMerge: merge,
  mergeOverwrite,
  mustMergeOverwrite: mergeOverwrite,
  deepCopy,
  mustDeepCopy: deepCopy,
  deepEqual: fn(['any', 'any'], isDeepEqual),
  dig: variadic([], 'any', dig),
}

function createDictionary(keysAndValues: readonly Value[]): GoMap {
  const entries = new Map<string, Value>()
  for (let i = 0; i < keysAndValues.length; i += 2) {
    const value = i + 1 < keysAndValues.length ? keysAndValues[i + 1] : ''
    entries.set(printValue(keysAndValues[i]), value)
  }
  return new GoMap(entries)
}

/** Fills what is missing or empty in the target; with `overwrites`, replaces all but dictionaries. */
function mergeInto(
  target: GoMap,
  source: GoMap,
  { overwrites, depth }: { readonly overwrites: boolean; readonly depth: number },
): void {
  if (depth > templateLimits.valueDepthMax) throw new FunctionError('value is nested too deeply')
  const entries = target.all()
  for (const [key, value] of source.all()) {
    const old = entries.get(key)
    if (old instanceof GoMap && value instanceof GoMap) {
      if (old !== value) mergeInto(old, value, { overwrites, depth: depth + 1 })
    } else if (overwrites || (value !== null && (!entries.has(key) || isFilling(value, old)))) {
      entries.set(key, value)
    }
  }
  checkItemCount(entries.size)
}

function isFilling(value: Value, old: Value): boolean {
  return isEmpty(old) && !isEmpty(value)
}

// Guards the number of copies: a list may hold another many times over.
class Copier {
  #itemCount = 0

  copy(value: Value, depth: number): Value {
    this.#itemCount++
    checkItemCount(this.#itemCount)
    if (depth > templateLimits.valueDepthMax) throw new FunctionError('value is nested too deeply')
    if (value instanceof GoList) {
      return new GoList(
        value.items.map(item => this.copy(item, depth + 1)),
        value.itemType,
      )
    }
    if (!(value instanceof GoMap)) return value
    const copies = [...value.all()].map(([key, item]) => [key, this.copy(item, depth + 1)] as const)
    return new GoMap(new Map(copies), value.itemType)
  }
}

/** Walks keys down a dictionary, which comes last; the value before it is for keys that are missing. */
function dig(args: readonly Value[]): Value {
  if (args.length < 3) throw new FunctionError('dig needs at least three arguments')
  const fallback = args.at(-2)
  let value = args.at(-1)
  for (const key of args.slice(0, -2)) {
    const map = needMap(value)
    if (typeof key !== 'string') throw notA('string', key)
    if (!map.has(key)) return fallback
    value = map.get(key)
  }
  return value
}

function needMap(value: Value): GoMap {
  if (value instanceof GoMap && value.itemType === 'interface {}') return value
  throw notA('map[string]interface {}', value)
}

function notA(wanted: string, value: Value): FunctionError {
  const found = value === null || value === undefined ? 'nil' : typeName(value)
  return new FunctionError(`interface conversion: interface {} is ${found}, not ${wanted}`)
}
