// The geoip stage: adds labels for the location of an IP address, from a MaxMind database.

import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { readOneOf, readStrictText } from '@skald/config-reading'
import { type AsnResponse, type CityResponse, Reader } from 'mmdb-lib'
import type { StageDefinition } from '../stage.ts'
import { valueText } from '../values.ts'
import { readSource } from './regex.ts'

export const geoipStage: StageDefinition = {
  read(body) {
    const raw = body.record({
      db: readStrictText,
      source: readSource,
      db_type: readOneOf(['city', 'asn'] as const),
    })
    const { db, source, db_type: kind } = raw
    if (!db) return body.failAtKey('The geoip stage needs db, the path of a MaxMind database')
    if (!source) {
      return body.has('source')
        ? undefined
        : body.failAtKey('The geoip stage needs a source: the extracted value with the address')
    }
    if (!kind) {
      return body.has('db_type')
        ? undefined
        : body.failAtKey('The geoip stage needs db_type, city or asn')
    }
    let reader: Reader<CityResponse & AsnResponse>
    try {
      reader = new Reader(readFileSync(db))
    } catch (error) {
      return body.failAtKey(`db ${db} cannot be read: ${(error as Error).message}`)
    }
    const labelsOf = kind === 'city' ? cityLabels : asnLabels
    return () => ({
      run(entry, next) {
        const address = valueText(entry.extracted.get(source)) ?? ''
        const place = isIP(address) ? reader.get(address) : null
        if (place) {
          for (const [name, value] of labelsOf(place)) {
            if (value !== undefined && value !== '') {
              entry.labels = entry.labels.with(`geoip_${name}`, String(value))
            }
          }
        }
        next(entry)
      },
    })
  },
}

type LabelPairs = readonly (readonly [name: string, value: string | number | undefined])[]

function cityLabels(place: CityResponse): LabelPairs {
  const { city, country, continent, location, postal, subdivisions } = place
  return [
    ['city_name', city?.names?.en],
    ['country_name', country?.names?.en],
    ['continent_name', continent?.names?.en],
    ['continent_code', continent?.code],
    ['location_latitude', location?.latitude],
    ['location_longitude', location?.longitude],
    ['postal_code', postal?.code],
    ['timezone', location?.time_zone],
    // The last subdivision is the smallest.
    ['subdivision_name', subdivisions?.at(-1)?.names?.en],
    ['subdivision_code', subdivisions?.at(-1)?.iso_code],
  ]
}

function asnLabels(place: AsnResponse): LabelPairs {
  return [
    ['autonomous_system_number', place.autonomous_system_number],
    ['autonomous_system_organization', place.autonomous_system_organization],
  ]
}
