import {createElement, useEffect, useRef} from 'react'
import {show} from './index.js'

/** <Comments service="https://comments.example.org" site="news" url={url} /> */
export const Comments = settings => {
  const place = useRef(null), remove = useRef(null)
  useEffect(() => {
    remove.current = show(place.current, settings)
  }, [JSON.stringify(settings)])
  useEffect(() => () => remove.current(), [])
  return createElement('div', {ref: place})
}
