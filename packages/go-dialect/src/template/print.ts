// Values as text, as Go's fmt package prints them without verbs: print, println and the output of
// actions.

import { FunctionError } from '../errors.ts'
import { formatFloat } from './float-text.ts'
import { templateLimits } from './limits.ts'
import { GoInt, GoList, GoMap, type Value } from './values.ts'

/** Writes a value as `%v` does. */
export function printValue(value: Value): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return formatFloat(value)
  if (value === undefined || value === null) return '<nil>'
  if (value instanceof GoInt) return value.name ?? String(value.value)
  if (value instanceof GoList || value instanceof GoMap) return printNested(value, printValue)
  return String(value)
}

/** Writes a list or a map, its items by a function of the caller's: `[a b]`, `map[k:v]`. */
export function printNested(value: GoList | GoMap, printItem: (item: Value) => string): string {
  const text = new NestedText(printItem)
  text.add(value, 0)
  return text.text
}

// Guards the length: a list may hold another many times over.
class NestedText {
  text = ''
  readonly #printItem: (item: Value) => string

  constructor(printItem: (item: Value) => string) {
    this.#printItem = printItem
  }

  add(value: Value, depth: number): void {
    if (depth > templateLimits.valueDepthMax) throw new FunctionError('value is nested too deeply')
    if (value instanceof GoList) {
      this.text += '['
      value.items.forEach((item, index) => {
        if (index > 0) this.text += ' '
        this.add(item, depth + 1)
      })
      this.text += ']'
    } else if (value instanceof GoMap) {
      this.text += 'map['
      value.sorted().forEach(([key, item], index) => {
        this.text += `${index > 0 ? ' ' : ''}${this.#printItem(key)}:`
        this.add(item, depth + 1)
      })
      this.text += ']'
    } else {
      this.text += this.#printItem(value)
    }
    checkTextLength(this.text.length)
  }
}

/** Refuses texts that are longer than a function may make them. */
export function checkTextLength(length: number): void {
  const { valueCharsMax } = templateLimits
  if (length > valueCharsMax) {
    throw new FunctionError(`text is too long: ${length} characters, at most ${valueCharsMax}`)
  }
}

/** Refuses lists and maps that are longer than a function may make them. */
export function checkItemCount(count: number): void {
  const { itemCountMax } = templateLimits
  if (count > itemCountMax) {
    throw new FunctionError(`list is too long: ${count} items, at most ${itemCountMax}`)
  }
}

/** Writes values one after the other, with a space between two that are no strings (`fmt.Sprint`). */
export function sprint(values: readonly Value[]): string {
  let text = ''
  values.forEach((value, index) => {
    const isApart = index > 0 && typeof value !== 'string' && typeof values[index - 1] !== 'string'
    text += (isApart ? ' ' : '') + printValue(value)
    checkTextLength(text.length)
  })
  return text
}

/** Writes values with spaces between them and a newline behind (`fmt.Sprintln`). */
export function sprintln(values: readonly Value[]): string {
  const text = `${values.map(printValue).join(' ')}\n`
  checkTextLength(text.length)
  return text
}
