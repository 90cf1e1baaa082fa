import {defineComponent, h, onActivated, onBeforeUnmount, ref, watchPostEffect} from 'vue'
import {show} from './index.js'

/** <Comments service="https://comments.example.org" site="news" :url="url" /> */
export const Comments = defineComponent({
  props: ['service', 'site', 'url', 'thread', 'title', 'published', 'lang', 'theme', 'sort'],
  setup(props) {
    const place = ref(null)
    let remove
    const update = () => {
      const given = Object.entries(props).filter(([, value]) => value !== undefined)
      if (place.value) remove = show(place.value, Object.fromEntries(given))
    }
    watchPostEffect(update)
    // Back from <KeepAlive>, in a page that may have another theme now.
    onActivated(update)
    onBeforeUnmount(() => remove?.())
    return () => h('div', {ref: place})
  },
})
