// The label `index`: the name of an index without what changes from day to day, because a label with a new value for
// each day has more and more of them.

/** Dates and numbers that daily, weekly, monthly and rolled over indices end with. */
const changingEnd =
  /[-_.](?:\d{4}[-_.]\d{2}(?:[-_.]\d{2}(?:[-_.]\d{2})?)?|\d{4}[-_.]w?\d{1,2}|\d{8}|\d{4}|\d{6})$/i

/**
 * Returns the part of an index name that stays: `filebeat-8.17.0-2026.11.30-000001` becomes `filebeat-8.17.0`. A name of nothing
 * else stays as it is.
 */
export function indexLabel(index: string): string {
  let name = index.startsWith('.ds-') ? index.slice(4) : index
  for (let rest = changingEnd.exec(name); rest && rest.index > 0; rest = changingEnd.exec(name)) {
    name = name.slice(0, rest.index)
  }
  return name
}
