// The tenant stage: sets the tenant of a line, as a label that is removed before sending.

import { readStrictText } from '@skald/config-reading'
import type { StageDefinition } from '../stage.ts'
import { valueText } from '../values.ts'

/** Label that carries the tenant to the push queue. */
export const tenantLabel = '__tenant_id__'

export const tenantStage: StageDefinition = {
  read(body) {
    const { source, value, label } = body.record({
      source: readStrictText,
      value: readStrictText,
      label: readStrictText,
    })
    const given = [source, value, label].filter(text => text !== undefined && text !== '')
    if (given.length === 0) {
      return body.failAtKey('The tenant stage needs one of source, value and label')
    }
    if (given.length > 1) {
      return body.failAtKey(
        'source, value and label of the tenant stage are mutually exclusive: keep one',
      )
    }
    return () => ({
      run(entry, next) {
        const tenant =
          value || (source ? valueText(entry.extracted.get(source)) : entry.labels.get(label!))
        if (tenant) entry.labels = entry.labels.with(tenantLabel, tenant)
        next(entry)
      },
    })
  },
}
