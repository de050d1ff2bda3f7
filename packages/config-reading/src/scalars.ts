// What a scalar without quotes means in YAML 1.1, as Go's decoder reads it: boolean, number or text. Times stay text.

const trueTexts = /^(y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON)$/
const falseTexts = /^(n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$/
const nullTexts = /^(|~|null|Null|NULL)$/

const numberTexts =
  /^[-+]?(\d[\d_]*(\.\d*)?([eE][-+]?\d+)?|\.\d+|0x[0-9a-fA-F_]+|0o[0-7_]+|0b[01_]+|\.(inf|Inf|INF))$|^\.(nan|NaN|NAN)$/

/** Returns the boolean that a text without quotes means, or `undefined` if it means none. */
export function plainBoolean(text: string): boolean | undefined {
  if (trueTexts.test(text)) return true
  return falseTexts.test(text) ? false : undefined
}

/** Returns true if a text without quotes means no value. */
export function isPlainNull(text: string): boolean {
  return nullTexts.test(text)
}

/** Returns true if a text without quotes means a number, infinity or "not a number". */
export function isPlainNumber(text: string): boolean {
  return numberTexts.test(text)
}

/** Returns the finite number that a text means (`80`, `8_0`, `0x50`, `0120`, `8e1`), or `undefined`. */
export function finiteNumber(written: string): number | undefined {
  const text = written.replaceAll('_', '')
  const [, sign, octal] = /^([-+]?)0([0-7]+)$/.exec(text) ?? []
  if (octal !== undefined) return Number(`${sign}1`) * Number.parseInt(octal, 8)
  const [, hexSign, digits] = /^([-+]?)(0[xbo][\da-f]+)$/i.exec(text) ?? []
  if (digits !== undefined) return Number(`${hexSign}1`) * Number(digits)
  if (!/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text)) return undefined
  return Number(text)
}

/** Returns the value that a text without quotes means. */
export function plainValue(text: string): string | number | boolean | null {
  if (isPlainNull(text)) return null
  const boolean = plainBoolean(text)
  if (boolean !== undefined) return boolean
  if (!isPlainNumber(text)) return text
  const number = finiteNumber(text)
  if (number !== undefined) return number
  if (/nan$/i.test(text)) return Number.NaN
  return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}
