/* The image formats that are read, most frequent first: one file and one row each. */
ATH_IMAGE_KIND(jpeg)
ATH_IMAGE_KIND(png)
ATH_IMAGE_KIND(webp)
ATH_IMAGE_KIND(gif)
ATH_IMAGE_KIND(bmp)
ATH_IMAGE_KIND(pnm)
