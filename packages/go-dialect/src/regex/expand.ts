// Replacement templates as Go's Regexp.Expand has them: $1, ${1}, $name, ${name}, $$.

/** Looks up a group by number or name; `undefined` where there is none or it took no part. */
export type GroupLookup = (name: string) => string | undefined

const reference = /\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu

/**
 * Fills a template. `$name` takes as many letters, digits and underscores as follow; a group that
 * does not exist is empty; a dollar sign that begins no reference stands for itself.
 */
export function expandGoTemplate(template: string, lookUp: GroupLookup): string {
  if (!template.includes('$')) return template
  return template.replace(reference, (text, braced?: string, plain?: string) => {
    if (text === '$$') return '$'
    return lookUp((braced ?? plain)!) ?? ''
  })
}
