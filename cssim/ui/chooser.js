// A grid of pictures to choose one from; the number of the chosen one goes back to the page.
export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const grid = parentElement.querySelector(".grid");
  grid.replaceChildren(
    ...data.pictures.map((picture) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = picture.name;
      button.setAttribute("aria-label", `Choose ${picture.name}`);
      const image = document.createElement("img");
      image.src = picture.src;
      image.alt = "";
      image.loading = "lazy";
      const caption = document.createElement("span");
      caption.textContent = picture.name;
      button.append(image, caption);
      button.onclick = () => setTriggerValue("chosen", picture.id);
      return button;
    }),
  );
}
