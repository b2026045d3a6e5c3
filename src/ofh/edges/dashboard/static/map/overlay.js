// @ts-check
/** Outlines on the map that outlive a change of style: a source of GeoJSON with its layers, put back whenever a style was loaded. */

/** @typedef {(palette: import("./palette.js").Palette) => Omit<import("maplibre-gl").LayerSpecification, "source">[]} Layers */

export class Overlay {
  #map;
  #name;
  #layers;
  #palette;
  /** @type {GeoJSON.FeatureCollection} */
  #data = { type: "FeatureCollection", features: [] };

  /** @param {import("maplibre-gl").Map} map whose style is still to be loaded @param {string} name @param {import("./palette.js").Palette} palette @param {Layers} layers whose ids begin with the name */
  constructor(map, name, palette, layers) {
    this.#map = map;
    this.#name = name;
    this.#layers = layers;
    this.#palette = palette;
    map.on("style.load", this.#attach);
  }

  destroy() {
    this.#map.off("style.load", this.#attach);
    if (!this.#map.getSource(this.#name)) return;
    for (const { id } of this.#layers(this.#palette)) if (this.#map.getLayer(id)) this.#map.removeLayer(id);
    this.#map.removeSource(this.#name);
  }

  /** Of the style that comes next. @param {import("./palette.js").Palette} palette */
  setPalette(palette) {
    this.#palette = palette;
  }

  /** @param {GeoJSON.Feature[]} features */
  show(features) {
    this.#data = { type: "FeatureCollection", features };
    const source = /** @type {import("maplibre-gl").GeoJSONSource | undefined} */ (this.#map.getSource(this.#name));
    source?.setData(this.#data);
  }

  #attach = () => {
    if (this.#map.getSource(this.#name)) return;
    this.#map.addSource(this.#name, { type: "geojson", data: this.#data });
    for (const layer of this.#layers(this.#palette))
      this.#map.addLayer(/** @type {import("maplibre-gl").AddLayerObject} */ ({ ...layer, source: this.#name }));
  };
}
