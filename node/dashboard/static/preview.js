// The saliency over the DCE, in Niivue: the script has 2 MB, a study much more.
"use strict";

const STATUS = {
  script: "Loading the viewer ...",
  images: "Preparing the images; the first time takes a few seconds ...",
  failed: "The preview could not be loaded. ",
};

function load(address) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = resolve;
    script.onerror = () => reject(new Error("the viewer's script is missing"));
    document.head.append(script);
  });
}

async function volume(address, options) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error((await answer.json()).detail);
  return niivue.NVImage.loadFromUrl({ url: URL.createObjectURL(await answer.blob()), name: "image.nii", ...options });
}

class Preview {
  constructor(section) {
    this.section = section;
    this.place = section.dataset.preview;
    this.status = section.querySelector("[data-preview-status]");
  }

  say(words) {
    this.status.hidden = !words;
    this.status.textContent = words;
  }

  async open(button) {
    button.disabled = true;
    try {
      this.say(STATUS.script);
      await load("/static/niivue.umd.js");
      this.say(STATUS.images);
      await this.show();
      button.hidden = true;
      this.say("");
    } catch (error) {
      this.say(STATUS.failed + error.message);
      button.disabled = false;
    }
  }

  async show() {
    const saliency = await volume(`${this.place}/saliency.nii`, { colormap: "warm", colormapNegative: "winter", opacity: 0.6 });
    const image = await volume(`${this.place}/post.nii`, { colormap: "gray" });
    this.section.querySelector("[data-preview-controls]").hidden = false;
    this.viewer = new niivue.Niivue({ isRadiologicalConvention: true, backColor: [0, 0, 0, 1], crosshairWidth: 0.6, crosshairColor: [1, 1, 1, 0.55], logLevel: "error" });
    await this.viewer.attachTo("canvas");
    this.viewer.setRadiologicalConvention(true);
    this.viewer.addVolume(image);
    this.viewer.addVolume(saliency);
    this.saliency = saliency;
    this.peak = Math.max(Math.abs(saliency.global_min), Math.abs(saliency.global_max)) || 1;
    this.threshold(0.15);
    this.view("multi");
    this.lookAtThePeak();
    this.listen();
  }

  // The slices through the strongest saliency. NIfTI keeps its own voxel order and its affine by rows.
  lookAtThePeak() {
    const { img, hdr } = this.saliency;
    let peak = 0;
    for (let index = 1; index < img.length; index++) if (Math.abs(img[index]) > Math.abs(img[peak])) peak = index;
    const [columns, rows] = [hdr.dims[1], hdr.dims[2]];
    const voxel = [peak % columns, Math.floor(peak / columns) % rows, Math.floor(peak / (columns * rows)), 1];
    const place = hdr.affine.slice(0, 3).map((row) => row.reduce((sum, factor, axis) => sum + factor * voxel[axis], 0));
    this.viewer.scene.crosshairPos = this.viewer.mm2frac(place);
    this.viewer.drawScene();
  }

  listen() {
    const on = (name, action) => this.section.querySelector(`[data-${name}]`).addEventListener("input", (event) => action(event.target.value));
    on("layer", (value) => this.layer(value));
    on("view", (value) => this.view(value));
    on("opacity", (value) => this.viewer.setOpacity(1, Number(value)));
    on("threshold", (value) => this.threshold(Number(value)));
  }

  async layer(name) {
    const image = await volume(`${this.place}/${name}.nii`, { colormap: "gray" });
    this.viewer.removeVolume(this.viewer.volumes[0]);
    this.viewer.addVolume(image);
    this.viewer.setVolume(image, 0);
  }

  view(name) {
    const views = { multi: this.viewer.sliceTypeMultiplanar, axial: this.viewer.sliceTypeAxial, sagittal: this.viewer.sliceTypeSagittal, coronal: this.viewer.sliceTypeCoronal };
    this.viewer.setSliceType(views[name]);
  }

  threshold(share) {
    this.saliency.cal_min = Math.max(share, 0.01) * this.peak;
    this.saliency.cal_max = this.peak;
    this.saliency.cal_minNeg = -this.peak;
    this.saliency.cal_maxNeg = -Math.max(share, 0.01) * this.peak;
    this.viewer.updateGLVolume();
  }
}

// It opens by itself, but for those who have asked their browser to save data.
function begin() {
  const section = document.querySelector("[data-preview]:not([data-begun])");
  if (!section) return;
  section.dataset.begun = "";
  const button = section.querySelector("[data-open-preview]");
  button.hidden = false;
  if (!navigator.connection?.saveData) new Preview(section).open(button);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-open-preview]");
  if (button) new Preview(button.closest("[data-preview]")).open(button);
});
document.addEventListener("DOMContentLoaded", begin);
document.addEventListener("htmx:after:swap", begin);
